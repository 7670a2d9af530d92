import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** A WebSocket client that keeps no rules: it may leave a message unfinished, and never answers a close. */
export type RawWebSocket = {
  connection: Socket;
  /** A text message of so many bytes, of which only what is given is sent. */
  send(text: string | Buffer, announced?: number): void;
  /** When the server has ended the connection: the code that it closed with, if it said one. */
  ended: Promise<number | undefined>;
};

export async function openRawWebSocket(url: string): Promise<RawWebSocket> {
  const { hostname, port } = new URL(url);
  const connection = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  connection.on('error', () => undefined); // reset by the server: it has ended
  const received: Buffer[] = [];
  const ended = new Promise<number | undefined>((resolve) => {
    const end = () => {
      connection.destroy();
      resolve(closeCode(Buffer.concat(received)));
    };
    connection.once('end', end).once('close', end);
  });
  connection.write('GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n');
  await once(connection, 'data');
  connection.on('data', (data: Buffer) => received.push(data));
  return {
    connection,
    ended,
    send(text, announced) {
      const payload = Buffer.from(text);
      const header = Buffer.alloc(14); // FIN, text; masked, with a mask of zeros
      header.writeUInt16BE(0x81ff, 0);
      header.writeBigUInt64BE(BigInt(announced ?? payload.length), 2);
      connection.write(Buffer.concat([header, payload]));
    },
  };
}

/** The code in the last frame, if that is a close. */
function closeCode(bytes: Buffer): number | undefined {
  let code: number | undefined;
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = bytes[at + 1]!;
    const [start, length] = short === 127 ? [10, Number(bytes.readBigUInt64BE(at + 2))] : short === 126 ? [4, bytes.readUInt16BE(at + 2)] : [2, short];
    if (bytes[at] === 0x88) code = bytes.readUInt16BE(at + start);
    at += start + length;
  }
  return code;
}
