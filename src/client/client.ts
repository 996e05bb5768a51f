import { type DownloadOptions, verifiedChunks } from "./download.ts";
import { StowageError } from "./errors.ts";
import {
  AbortUploadDocument,
  type ApiKeyFieldsFragment,
  ApiKeysDocument,
  ChangePasswordDocument,
  type ChangePasswordInput,
  CreateApiKeyDocument,
  type CreateApiKeyInput,
  type CreateApiKeyMutation,
  CreateDownloadLinkDocument,
  type CreateDownloadLinkMutation,
  DeleteFileDocument,
  FileDocument,
  type FileFieldsFragment,
  FilesDocument,
  type FilesQuery,
  type FilesQueryVariables,
  LoginDocument,
  type LoginInput,
  type LoginMutation,
  LogoutDocument,
  MeDocument,
  RegisterDocument,
  type RegisterInput,
  RenameFileDocument,
  RevokeApiKeyDocument,
  RevokeDownloadLinkDocument,
  RevokeOtherSessionsDocument,
  RevokeSessionDocument,
  type SessionFieldsFragment,
  SessionsDocument,
  type UploadFieldsFragment,
  UploadSessionDocument,
  UploadSessionsDocument,
  type UploadSessionsQuery,
  type UploadSessionsQueryVariables,
  type UserFieldsFragment,
} from "./operations.ts";
import { defaultRetry, type RetryOptions } from "./patience.ts";
import type { Platform } from "./source.ts";
import { Transport } from "./transport.ts";
import { Upload, type UploadOptions } from "./upload.ts";

export interface ClientOptions {
  /** URL of the server, such as `https://files.example.org`. */
  url: string | URL;
  /** Token that `login` or `register` gave; they set it as well. */
  token?: string | undefined;
  /**
   * The platform's own when left out. One that calls `init.onSent` with the bytes of the body that were sent makes
   * progress visible within a chunk.
   */
  fetch?: typeof globalThis.fetch | undefined;
  /** How long to bear failures that may pass. */
  retry?: Partial<RetryOptions> | undefined;
}

export interface Download {
  file: FileFieldsFragment;
  /** The bytes, each verified before it comes out; errors with a StowageError. */
  stream: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** What both platforms' clients are. @template S what can be uploaded */
export class Client<S> {
  protected readonly transport: Transport;
  readonly #platform: Platform<S>;

  constructor({ url, token, fetch, retry }: ClientOptions, platform: Platform<S>) {
    this.transport = new Transport({
      url,
      token,
      fetch: fetch ?? platform.fetch,
      retry: { ...defaultRetry, ...retry },
    });
    this.#platform = platform;
  }

  get token(): string | undefined {
    return this.transport.token;
  }

  set token(token: string | undefined) {
    this.transport.token = token;
  }

  /** Uploads in chunks; continues the upload that was begun with the same `resumeKey`, by whomever. */
  upload(source: S, options: UploadOptions = {}): Upload {
    const { openSource, maxParallel } = this.#platform;
    return new Upload(this.transport, () => openSource(source), maxParallel, options);
  }

  /** @throws StowageError NOT_FOUND */
  async download(id: string, options: DownloadOptions = {}): Promise<Download> {
    const file = await this.requireFile(id);
    const chunks = verifiedChunks(this.transport, file, options);
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        async pull(controller) {
          const { done, value } = await chunks.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await chunks.return();
        },
      },
      { highWaterMark: 0 },
    );
    return { file, stream };
  }

  /** Makes an account, and signs in. */
  async register(input: RegisterInput): Promise<LoginMutation["login"]> {
    const { register } = await this.transport.graphql(RegisterDocument, { input });
    this.token = register.token;
    return register;
  }

  /** Signs in. @throws StowageError UNAUTHENTICATED */
  async login(input: LoginInput): Promise<LoginMutation["login"]> {
    const { login } = await this.transport.graphql(LoginDocument, { input });
    this.token = login.token;
    return login;
  }

  /** Ends the token on the server too. */
  async logout(): Promise<void> {
    await this.transport.graphql(LogoutDocument);
    this.token = undefined;
  }

  /** Null without a valid token. */
  async me(): Promise<UserFieldsFragment | null> {
    return (await this.transport.graphql(MeDocument)).me;
  }

  async file(id: string): Promise<FileFieldsFragment | null> {
    return (await this.transport.graphql(FileDocument, { id })).file;
  }

  /** @throws StowageError NOT_FOUND */
  async requireFile(id: string): Promise<FileFieldsFragment> {
    const file = await this.file(id);
    if (file === null) throw new StowageError("NOT_FOUND", "There is no such file.");
    return file;
  }

  async files(query: FilesQueryVariables = {}): Promise<FilesQuery["files"]> {
    return (await this.transport.graphql(FilesDocument, query)).files;
  }

  async renameFile(id: string, filename: string): Promise<FileFieldsFragment> {
    return (await this.transport.graphql(RenameFileDocument, { id, filename })).renameFile;
  }

  async deleteFile(id: string): Promise<void> {
    await this.transport.graphql(DeleteFileDocument, { id });
  }

  /** The link's `url` is whole here, with the server's. */
  async createDownloadLink(
    fileId: string,
    expiresInSeconds?: number,
  ): Promise<CreateDownloadLinkMutation["createDownloadLink"]> {
    const { createDownloadLink: link } = await this.transport.graphql(CreateDownloadLinkDocument, {
      fileId,
      ...(expiresInSeconds !== undefined && { expiresInSeconds }),
    });
    return { ...link, url: URL.canParse(link.url) ? link.url : this.transport.urlOf(link.url) };
  }

  async revokeDownloadLink(id: string): Promise<void> {
    await this.transport.graphql(RevokeDownloadLinkDocument, { id });
  }

  async uploadSession(id: string): Promise<UploadFieldsFragment | null> {
    return (await this.transport.graphql(UploadSessionDocument, { id })).uploadSession;
  }

  /** What can be continued. */
  async uploadSessions(query: UploadSessionsQueryVariables = {}): Promise<UploadSessionsQuery["uploadSessions"]> {
    return (await this.transport.graphql(UploadSessionsDocument, query)).uploadSessions;
  }

  async abortUpload(uploadId: string): Promise<void> {
    await this.transport.graphql(AbortUploadDocument, { uploadId });
  }

  /** Ends all other sessions and all API keys, unless `keepOthers`. @throws StowageError BAD_USER_INPUT with the `field` */
  async changePassword(input: ChangePasswordInput): Promise<void> {
    await this.transport.graphql(ChangePasswordDocument, { input });
  }

  /** Where the user is signed in, the latest first. */
  async sessions(): Promise<SessionFieldsFragment[]> {
    return (await this.transport.graphql(SessionsDocument)).sessions;
  }

  async revokeSession(id: string): Promise<void> {
    await this.transport.graphql(RevokeSessionDocument, { id });
  }

  /** @returns how many they were */
  async revokeOtherSessions(): Promise<number> {
    return (await this.transport.graphql(RevokeOtherSessionsDocument)).revokeOtherSessions;
  }

  /** The latest first, expired ones too. */
  async apiKeys(): Promise<ApiKeyFieldsFragment[]> {
    return (await this.transport.graphql(ApiKeysDocument)).apiKeys;
  }

  /** Its `token` is shown this once. Not repeated by itself where the answer is lost: it would be another key. */
  async createApiKey(input: CreateApiKeyInput): Promise<CreateApiKeyMutation["createApiKey"]> {
    return (await this.transport.ask(CreateApiKeyDocument, { input })).createApiKey;
  }

  async revokeApiKey(id: string): Promise<void> {
    await this.transport.graphql(RevokeApiKeyDocument, { id });
  }
}
