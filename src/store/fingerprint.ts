import { createHash } from 'node:crypto';
import { stringify } from 'safe-stable-stringify';

/** SHA-256 of the content, whatever the order of its keys: tells a repeated request from another one with its id. */
export const fingerprint = (content: unknown) => createHash('sha256').update(stringify(content) ?? '').digest('base64url');
