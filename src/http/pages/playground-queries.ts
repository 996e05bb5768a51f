/** What a visitor of the playground finds there: a whole upload, one operation after the other. */
export const FIRST_QUERIES = `# A whole upload. "Send Request" lets you choose an operation; run them from the first to the last.
# 1. Register or LogIn. Put the token under "Set Headers" (at the left), as Authorization: Bearer <token>
# 2. BeginUpload, with the name and the size in bytes of a file of yours (up to 8 MiB: larger ones have several chunks).
# 3. Put its id under Variables as uploadId. "Add files" there: name the variable chunk, and choose the file. UploadChunk.
# 4. CompleteUpload. The file is among Files; put its id under Variables as fileId for a Link that needs no token.

mutation Register {
  register(input: { username: "ada", email: "ada@example.org", password: "correct horse" }) {
    token
  }
}

mutation LogIn {
  login(input: { login: "ada", password: "correct horse" }) {
    token
  }
}

mutation BeginUpload($filename: String!, $size: SafeInt!) {
  beginUpload(input: { filename: $filename, size: $size }) {
    id
    chunkSize
    totalChunks
  }
}

mutation UploadChunk($uploadId: ID!, $index: Int!, $chunk: Upload!) {
  uploadChunk(uploadId: $uploadId, index: $index, chunk: $chunk) {
    receivedBytes
    missing {
      first
      last
    }
  }
}

mutation CompleteUpload($uploadId: ID!) {
  completeUpload(uploadId: $uploadId) {
    id
    filename
    size
    digest
    downloadUrl
  }
}

query Files {
  files(first: 10) {
    nodes {
      id
      filename
      size
      downloadUrl
    }
  }
}

mutation Link($fileId: ID!) {
  createDownloadLink(fileId: $fileId, expiresInSeconds: 3600) {
    url
    expiresAt
  }
}
`;

export const FIRST_VARIABLES = `{
  "filename": "hello.txt",
  "size": 12,
  "uploadId": "the id that BeginUpload gave",
  "index": 0,
  "fileId": "the id that CompleteUpload gave"
}
`;
