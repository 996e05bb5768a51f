import "reflect-metadata";
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from "graphql";
import { buildSchemaSync } from "type-graphql";
import { AccountResolver } from "./account-resolver.ts";
import { DownloadLinkResolver } from "./download-link-resolver.ts";
import { FileResolver } from "./file-resolver.ts";
import { UploadResolver } from "./upload-resolver.ts";

const resolvers = [AccountResolver, FileResolver, DownloadLinkResolver, UploadResolver] as const;
type ResolverInstance = InstanceType<(typeof resolvers)[number]>;

/** @param instances one of each resolver class; none where the schema is only printed */
export function buildGraphQLSchema(instances: readonly ResolverInstance[]): GraphQLSchema {
  return buildSchemaSync({
    resolvers: [...resolvers],
    container: { get: (resolver) => instances.find((instance) => instance instanceof resolver) },
    // The core checks its input, for every adapter alike.
    validate: false,
  });
}

export function printGraphQLSchema(): string {
  return `${printSchema(lexicographicSortSchema(buildGraphQLSchema([])))}\n`;
}
