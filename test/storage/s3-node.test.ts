import { openS3 } from "./s3-harness.ts";
import { describeStorageNode } from "./storage-node-contract.ts";

describeStorageNode("S3Node", () => openS3());
