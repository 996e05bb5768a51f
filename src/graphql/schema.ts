// Before the decorated classes, which need it while they load.
import "reflect-metadata";
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from "graphql";
import { buildSchemaSync } from "type-graphql";
import type { ApiKeys } from "../access/api-keys.ts";
import type { Sessions } from "../access/sessions.ts";
import type { SignInService } from "../access/sign-in-service.ts";
import type { UserAdministration } from "../access/user-administration.ts";
import type { QuotaService } from "../accounts/quota-service.ts";
import type { DownloadLinkService } from "../files/download-link-service.ts";
import type { FileService } from "../files/file-service.ts";
import type { NodeService } from "../nodes/node-service.ts";
import type { UpkeepRequests } from "../upkeep/upkeep-requests.ts";
import type { ChunkService } from "../uploads/chunk-service.ts";
import type { UploadService } from "../uploads/upload-service.ts";
import { AccessResolver } from "./access-resolver.ts";
import { AccountResolver } from "./account-resolver.ts";
import { DownloadLinkResolver } from "./download-link-resolver.ts";
import { FileResolver } from "./file-resolver.ts";
import { NodeResolver } from "./node-resolver.ts";
import { UploadResolver } from "./upload-resolver.ts";
import { UserResolver } from "./user-resolver.ts";

/** What the resolvers call. */
interface Services {
  signIn: SignInService;
  sessions: Sessions;
  keys: ApiKeys;
  users: UserAdministration;
  quotas: QuotaService;
  files: FileService;
  links: DownloadLinkService;
  uploads: UploadService;
  chunks: ChunkService;
  nodes: NodeService;
  requests: UpkeepRequests;
}

/** @param services none where the schema is only printed */
export function buildGraphQLSchema(services?: Services): GraphQLSchema {
  const instances = services && [
    new AccountResolver(services.signIn, services.sessions, services.quotas),
    new AccessResolver(services.sessions, services.keys),
    new UserResolver(services.users),
    new FileResolver(services.files),
    new DownloadLinkResolver(services.links),
    new UploadResolver(services.uploads, services.chunks),
    new NodeResolver(services.nodes, services.requests),
  ];
  return buildSchemaSync({
    resolvers: [
      AccountResolver,
      AccessResolver,
      UserResolver,
      FileResolver,
      DownloadLinkResolver,
      UploadResolver,
      NodeResolver,
    ],
    container: { get: (resolver) => instances?.find((instance) => instance instanceof resolver) },
    // The core checks its input, for every adapter alike.
    validate: false,
  });
}

export function printGraphQLSchema(): string {
  return `${printSchema(lexicographicSortSchema(buildGraphQLSchema()))}\n`;
}
