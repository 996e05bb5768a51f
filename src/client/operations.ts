/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
export type BeginUploadInput = {
  /** Bytes, 65536 to 67108864; the server's default, 8 MiB, when left out. */
  chunkSize?: number | null | undefined;
  /** What the program that uploads calls itself, 1 to 64 characters: others see by it whether they can continue the upload. */
  client?: string | null | undefined;
  /** A media type; `application/octet-stream` when left out. */
  contentType?: string | null | undefined;
  /** A name without a path, 1 to 255 characters of any script. */
  filename: string;
  /** The client's own name for this upload, such as a fingerprint of path, size and time. */
  resumeKey?: string | null | undefined;
  /** Bytes; 0 is a file like any other. */
  size: number;
  /** Returns the completed upload with the same `resumeKey`, name and size, if there is one of lately whose file is still there, instead of opening another. */
  skipCompleted?: boolean | null | undefined;
};

export type ChangePasswordInput = {
  currentPassword: string;
  /** Whether other sessions and the API keys stay. */
  keepOthers?: boolean;
  /** 8 to 256 characters. */
  newPassword: string;
};

export type CreateApiKeyInput = {
  /** 1 to 315360000, ten years; no end when left out. */
  expiresInSeconds?: number | null | undefined;
  /** 1 to 100 characters. */
  name: string;
  /** At least one. FORBIDDEN (`needed`) for one that you don't have yourself. */
  scopes: Array<Scope>;
};

/** Filenames are ordered ignoring case. */
export type FileOrder =
  | 'CREATED_AT_ASC'
  | 'CREATED_AT_DESC'
  | 'FILENAME_ASC'
  | 'FILENAME_DESC'
  | 'SIZE_ASC'
  | 'SIZE_DESC';

export type LoginInput = {
  /** A username or an email address. */
  login: string;
  password: string;
};

export type RegisterInput = {
  /** Unique whatever the case. CONFLICT when taken. */
  email: string;
  /** 8 to 256 characters. */
  password: string;
  /** 3 to 32 letters, digits, `_`, `.` or `-`; unique whatever the case. CONFLICT when taken. */
  username: string;
};

export type Role =
  | 'ADMIN'
  | 'USER';

/** What a token may be used for. A session has all that its user may. */
export type Scope =
  /** Sees users, and sees to storage nodes; for administrators only. */
  | 'ADMIN'
  /** Lists and downloads files, and sees uploads. */
  | 'FILES_READ'
  /** Uploads, renames and deletes, and makes download links. */
  | 'FILES_WRITE';

export type UploadStatus =
  | 'ABORTED'
  | 'COMPLETED'
  | 'EXPIRED'
  | 'OPEN';

export type FileFieldsFragment = { id: string, filename: string, contentType: string, size: number, chunkSize: number, totalChunks: number, digest: string, downloadUrl: string, createdAt: string, completedAt: string };

export type UploadFieldsFragment = { id: string, filename: string, contentType: string, size: number, chunkSize: number, totalChunks: number, receivedChunks: number, receivedBytes: number, status: UploadStatus, client: string | null, createdAt: string, expiresAt: string, missing: Array<{ first: number, last: number }> };

export type UserFieldsFragment = { id: string, username: string, email: string, role: Role, createdAt: string, storage: { usedBytes: number, reservedBytes: number, quotaBytes: number | null } };

export type RegisterMutationVariables = Exact<{
  input: RegisterInput;
}>;


export type RegisterMutation = { register: { token: string, expiresAt: string, user: { id: string, username: string, email: string, role: Role, createdAt: string, storage: { usedBytes: number, reservedBytes: number, quotaBytes: number | null } } } };

export type LoginMutationVariables = Exact<{
  input: LoginInput;
}>;


export type LoginMutation = { login: { token: string, expiresAt: string, user: { id: string, username: string, email: string, role: Role, createdAt: string, storage: { usedBytes: number, reservedBytes: number, quotaBytes: number | null } } } };

export type LogoutMutationVariables = Exact<{ [key: string]: never; }>;


export type LogoutMutation = { logout: boolean };

export type MeQueryVariables = Exact<{ [key: string]: never; }>;


export type MeQuery = { me: { id: string, username: string, email: string, role: Role, createdAt: string, storage: { usedBytes: number, reservedBytes: number, quotaBytes: number | null } } | null };

export type FileQueryVariables = Exact<{
  id: string;
}>;


export type FileQuery = { file: { id: string, filename: string, contentType: string, size: number, chunkSize: number, totalChunks: number, digest: string, downloadUrl: string, createdAt: string, completedAt: string } | null };

export type FilesQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  search?: string | null | undefined;
  orderBy?: FileOrder | null | undefined;
}>;


export type FilesQuery = { files: { totalCount: number, nodes: Array<{ id: string, filename: string, contentType: string, size: number, chunkSize: number, totalChunks: number, digest: string, downloadUrl: string, createdAt: string, completedAt: string }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type FileChunksQueryVariables = Exact<{
  id: string;
  from: number;
  first: number;
}>;


export type FileChunksQuery = { file: { chunks: Array<{ index: number, offset: number, size: number, sha256: string }> } | null };

export type RenameFileMutationVariables = Exact<{
  id: string;
  filename: string;
}>;


export type RenameFileMutation = { renameFile: { id: string, filename: string, contentType: string, size: number, chunkSize: number, totalChunks: number, digest: string, downloadUrl: string, createdAt: string, completedAt: string } };

export type DeleteFileMutationVariables = Exact<{
  id: string;
}>;


export type DeleteFileMutation = { deleteFile: boolean };

export type CreateDownloadLinkMutationVariables = Exact<{
  fileId: string;
  expiresInSeconds?: number | null | undefined;
}>;


export type CreateDownloadLinkMutation = { createDownloadLink: { id: string, url: string, expiresAt: string } };

export type RevokeDownloadLinkMutationVariables = Exact<{
  id: string;
}>;


export type RevokeDownloadLinkMutation = { revokeDownloadLink: boolean };

export type BeginUploadMutationVariables = Exact<{
  input: BeginUploadInput;
}>;


export type BeginUploadMutation = { beginUpload: { id: string, filename: string, contentType: string, size: number, chunkSize: number, totalChunks: number, receivedChunks: number, receivedBytes: number, status: UploadStatus, client: string | null, createdAt: string, expiresAt: string, missing: Array<{ first: number, last: number }> } };

export type UploadSessionQueryVariables = Exact<{
  id: string;
}>;


export type UploadSessionQuery = { uploadSession: { id: string, filename: string, contentType: string, size: number, chunkSize: number, totalChunks: number, receivedChunks: number, receivedBytes: number, status: UploadStatus, client: string | null, createdAt: string, expiresAt: string, missing: Array<{ first: number, last: number }> } | null };

export type UploadSessionsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type UploadSessionsQuery = { uploadSessions: { totalCount: number, nodes: Array<{ id: string, filename: string, contentType: string, size: number, chunkSize: number, totalChunks: number, receivedChunks: number, receivedBytes: number, status: UploadStatus, client: string | null, createdAt: string, expiresAt: string, missing: Array<{ first: number, last: number }> }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export type CompleteUploadMutationVariables = Exact<{
  uploadId: string;
  digest: string;
}>;


export type CompleteUploadMutation = { completeUpload: { id: string, filename: string, contentType: string, size: number, chunkSize: number, totalChunks: number, digest: string, downloadUrl: string, createdAt: string, completedAt: string } };

export type AbortUploadMutationVariables = Exact<{
  uploadId: string;
}>;


export type AbortUploadMutation = { abortUpload: boolean };

export type ChangePasswordMutationVariables = Exact<{
  input: ChangePasswordInput;
}>;


export type ChangePasswordMutation = { changePassword: boolean };

export type SessionFieldsFragment = { id: string, isCurrent: boolean, createdAt: string, expiresAt: string, lastUsedAt: string | null, lastUsedFrom: string | null, userAgent: string | null };

export type SessionsQueryVariables = Exact<{ [key: string]: never; }>;


export type SessionsQuery = { sessions: Array<{ id: string, isCurrent: boolean, createdAt: string, expiresAt: string, lastUsedAt: string | null, lastUsedFrom: string | null, userAgent: string | null }> };

export type RevokeSessionMutationVariables = Exact<{
  id: string;
}>;


export type RevokeSessionMutation = { revokeSession: boolean };

export type RevokeOtherSessionsMutationVariables = Exact<{ [key: string]: never; }>;


export type RevokeOtherSessionsMutation = { revokeOtherSessions: number };

export type ApiKeyFieldsFragment = { id: string, name: string, scopes: Array<Scope>, createdAt: string, expiresAt: string | null, lastUsedAt: string | null, lastUsedFrom: string | null };

export type ApiKeysQueryVariables = Exact<{ [key: string]: never; }>;


export type ApiKeysQuery = { apiKeys: Array<{ id: string, name: string, scopes: Array<Scope>, createdAt: string, expiresAt: string | null, lastUsedAt: string | null, lastUsedFrom: string | null }> };

export type CreateApiKeyMutationVariables = Exact<{
  input: CreateApiKeyInput;
}>;


export type CreateApiKeyMutation = { createApiKey: { token: string, apiKey: { id: string, name: string, scopes: Array<Scope>, createdAt: string, expiresAt: string | null, lastUsedAt: string | null, lastUsedFrom: string | null } } };

export type RevokeApiKeyMutationVariables = Exact<{
  id: string;
}>;


export type RevokeApiKeyMutation = { revokeApiKey: boolean };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const FileFieldsFragmentDoc = new TypedDocumentString(`
    fragment FileFields on File {
  id
  filename
  contentType
  size
  chunkSize
  totalChunks
  digest
  downloadUrl
  createdAt
  completedAt
}
    `, {"fragmentName":"FileFields"}) as unknown as TypedDocumentString<FileFieldsFragment, unknown>;
export const UploadFieldsFragmentDoc = new TypedDocumentString(`
    fragment UploadFields on UploadSession {
  id
  filename
  contentType
  size
  chunkSize
  totalChunks
  receivedChunks
  receivedBytes
  status
  client
  createdAt
  expiresAt
  missing {
    first
    last
  }
}
    `, {"fragmentName":"UploadFields"}) as unknown as TypedDocumentString<UploadFieldsFragment, unknown>;
export const UserFieldsFragmentDoc = new TypedDocumentString(`
    fragment UserFields on User {
  id
  username
  email
  role
  createdAt
  storage {
    usedBytes
    reservedBytes
    quotaBytes
  }
}
    `, {"fragmentName":"UserFields"}) as unknown as TypedDocumentString<UserFieldsFragment, unknown>;
export const SessionFieldsFragmentDoc = new TypedDocumentString(`
    fragment SessionFields on Session {
  id
  isCurrent
  createdAt
  expiresAt
  lastUsedAt
  lastUsedFrom
  userAgent
}
    `, {"fragmentName":"SessionFields"}) as unknown as TypedDocumentString<SessionFieldsFragment, unknown>;
export const ApiKeyFieldsFragmentDoc = new TypedDocumentString(`
    fragment ApiKeyFields on ApiKey {
  id
  name
  scopes
  createdAt
  expiresAt
  lastUsedAt
  lastUsedFrom
}
    `, {"fragmentName":"ApiKeyFields"}) as unknown as TypedDocumentString<ApiKeyFieldsFragment, unknown>;
export const RegisterDocument = new TypedDocumentString(`
    mutation Register($input: RegisterInput!) {
  register(input: $input) {
    token
    expiresAt
    user {
      ...UserFields
    }
  }
}
    fragment UserFields on User {
  id
  username
  email
  role
  createdAt
  storage {
    usedBytes
    reservedBytes
    quotaBytes
  }
}`) as unknown as TypedDocumentString<RegisterMutation, RegisterMutationVariables>;
export const LoginDocument = new TypedDocumentString(`
    mutation Login($input: LoginInput!) {
  login(input: $input) {
    token
    expiresAt
    user {
      ...UserFields
    }
  }
}
    fragment UserFields on User {
  id
  username
  email
  role
  createdAt
  storage {
    usedBytes
    reservedBytes
    quotaBytes
  }
}`) as unknown as TypedDocumentString<LoginMutation, LoginMutationVariables>;
export const LogoutDocument = new TypedDocumentString(`
    mutation Logout {
  logout
}
    `) as unknown as TypedDocumentString<LogoutMutation, LogoutMutationVariables>;
export const MeDocument = new TypedDocumentString(`
    query Me {
  me {
    ...UserFields
  }
}
    fragment UserFields on User {
  id
  username
  email
  role
  createdAt
  storage {
    usedBytes
    reservedBytes
    quotaBytes
  }
}`) as unknown as TypedDocumentString<MeQuery, MeQueryVariables>;
export const FileDocument = new TypedDocumentString(`
    query File($id: ID!) {
  file(id: $id) {
    ...FileFields
  }
}
    fragment FileFields on File {
  id
  filename
  contentType
  size
  chunkSize
  totalChunks
  digest
  downloadUrl
  createdAt
  completedAt
}`) as unknown as TypedDocumentString<FileQuery, FileQueryVariables>;
export const FilesDocument = new TypedDocumentString(`
    query Files($first: Int, $after: String, $search: String, $orderBy: FileOrder) {
  files(first: $first, after: $after, search: $search, orderBy: $orderBy) {
    totalCount
    nodes {
      ...FileFields
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment FileFields on File {
  id
  filename
  contentType
  size
  chunkSize
  totalChunks
  digest
  downloadUrl
  createdAt
  completedAt
}`) as unknown as TypedDocumentString<FilesQuery, FilesQueryVariables>;
export const FileChunksDocument = new TypedDocumentString(`
    query FileChunks($id: ID!, $from: Int!, $first: Int!) {
  file(id: $id) {
    chunks(from: $from, first: $first) {
      index
      offset
      size
      sha256
    }
  }
}
    `) as unknown as TypedDocumentString<FileChunksQuery, FileChunksQueryVariables>;
export const RenameFileDocument = new TypedDocumentString(`
    mutation RenameFile($id: ID!, $filename: String!) {
  renameFile(id: $id, filename: $filename) {
    ...FileFields
  }
}
    fragment FileFields on File {
  id
  filename
  contentType
  size
  chunkSize
  totalChunks
  digest
  downloadUrl
  createdAt
  completedAt
}`) as unknown as TypedDocumentString<RenameFileMutation, RenameFileMutationVariables>;
export const DeleteFileDocument = new TypedDocumentString(`
    mutation DeleteFile($id: ID!) {
  deleteFile(id: $id)
}
    `) as unknown as TypedDocumentString<DeleteFileMutation, DeleteFileMutationVariables>;
export const CreateDownloadLinkDocument = new TypedDocumentString(`
    mutation CreateDownloadLink($fileId: ID!, $expiresInSeconds: Int) {
  createDownloadLink(fileId: $fileId, expiresInSeconds: $expiresInSeconds) {
    id
    url
    expiresAt
  }
}
    `) as unknown as TypedDocumentString<CreateDownloadLinkMutation, CreateDownloadLinkMutationVariables>;
export const RevokeDownloadLinkDocument = new TypedDocumentString(`
    mutation RevokeDownloadLink($id: ID!) {
  revokeDownloadLink(id: $id)
}
    `) as unknown as TypedDocumentString<RevokeDownloadLinkMutation, RevokeDownloadLinkMutationVariables>;
export const BeginUploadDocument = new TypedDocumentString(`
    mutation BeginUpload($input: BeginUploadInput!) {
  beginUpload(input: $input) {
    ...UploadFields
  }
}
    fragment UploadFields on UploadSession {
  id
  filename
  contentType
  size
  chunkSize
  totalChunks
  receivedChunks
  receivedBytes
  status
  client
  createdAt
  expiresAt
  missing {
    first
    last
  }
}`) as unknown as TypedDocumentString<BeginUploadMutation, BeginUploadMutationVariables>;
export const UploadSessionDocument = new TypedDocumentString(`
    query UploadSession($id: ID!) {
  uploadSession(id: $id) {
    ...UploadFields
  }
}
    fragment UploadFields on UploadSession {
  id
  filename
  contentType
  size
  chunkSize
  totalChunks
  receivedChunks
  receivedBytes
  status
  client
  createdAt
  expiresAt
  missing {
    first
    last
  }
}`) as unknown as TypedDocumentString<UploadSessionQuery, UploadSessionQueryVariables>;
export const UploadSessionsDocument = new TypedDocumentString(`
    query UploadSessions($first: Int, $after: String) {
  uploadSessions(first: $first, after: $after) {
    totalCount
    nodes {
      ...UploadFields
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    fragment UploadFields on UploadSession {
  id
  filename
  contentType
  size
  chunkSize
  totalChunks
  receivedChunks
  receivedBytes
  status
  client
  createdAt
  expiresAt
  missing {
    first
    last
  }
}`) as unknown as TypedDocumentString<UploadSessionsQuery, UploadSessionsQueryVariables>;
export const CompleteUploadDocument = new TypedDocumentString(`
    mutation CompleteUpload($uploadId: ID!, $digest: String!) {
  completeUpload(uploadId: $uploadId, digest: $digest) {
    ...FileFields
  }
}
    fragment FileFields on File {
  id
  filename
  contentType
  size
  chunkSize
  totalChunks
  digest
  downloadUrl
  createdAt
  completedAt
}`) as unknown as TypedDocumentString<CompleteUploadMutation, CompleteUploadMutationVariables>;
export const AbortUploadDocument = new TypedDocumentString(`
    mutation AbortUpload($uploadId: ID!) {
  abortUpload(uploadId: $uploadId)
}
    `) as unknown as TypedDocumentString<AbortUploadMutation, AbortUploadMutationVariables>;
export const ChangePasswordDocument = new TypedDocumentString(`
    mutation ChangePassword($input: ChangePasswordInput!) {
  changePassword(input: $input)
}
    `) as unknown as TypedDocumentString<ChangePasswordMutation, ChangePasswordMutationVariables>;
export const SessionsDocument = new TypedDocumentString(`
    query Sessions {
  sessions {
    ...SessionFields
  }
}
    fragment SessionFields on Session {
  id
  isCurrent
  createdAt
  expiresAt
  lastUsedAt
  lastUsedFrom
  userAgent
}`) as unknown as TypedDocumentString<SessionsQuery, SessionsQueryVariables>;
export const RevokeSessionDocument = new TypedDocumentString(`
    mutation RevokeSession($id: ID!) {
  revokeSession(id: $id)
}
    `) as unknown as TypedDocumentString<RevokeSessionMutation, RevokeSessionMutationVariables>;
export const RevokeOtherSessionsDocument = new TypedDocumentString(`
    mutation RevokeOtherSessions {
  revokeOtherSessions
}
    `) as unknown as TypedDocumentString<RevokeOtherSessionsMutation, RevokeOtherSessionsMutationVariables>;
export const ApiKeysDocument = new TypedDocumentString(`
    query ApiKeys {
  apiKeys {
    ...ApiKeyFields
  }
}
    fragment ApiKeyFields on ApiKey {
  id
  name
  scopes
  createdAt
  expiresAt
  lastUsedAt
  lastUsedFrom
}`) as unknown as TypedDocumentString<ApiKeysQuery, ApiKeysQueryVariables>;
export const CreateApiKeyDocument = new TypedDocumentString(`
    mutation CreateApiKey($input: CreateApiKeyInput!) {
  createApiKey(input: $input) {
    token
    apiKey {
      ...ApiKeyFields
    }
  }
}
    fragment ApiKeyFields on ApiKey {
  id
  name
  scopes
  createdAt
  expiresAt
  lastUsedAt
  lastUsedFrom
}`) as unknown as TypedDocumentString<CreateApiKeyMutation, CreateApiKeyMutationVariables>;
export const RevokeApiKeyDocument = new TypedDocumentString(`
    mutation RevokeApiKey($id: ID!) {
  revokeApiKey(id: $id)
}
    `) as unknown as TypedDocumentString<RevokeApiKeyMutation, RevokeApiKeyMutationVariables>;