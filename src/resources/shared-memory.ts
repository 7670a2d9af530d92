/** What PGlite allows its memory, in pages of 64 KiB. */
const MOST_PAGES = 32_768;

/**
 * Makes the WebAssembly of this thread use memory that other threads can reach: a statement of PostgreSQL keeps the
 * thread until it is done, so what ends it has to be written into its memory from outside (pglite-interrupt.ts). PGlite
 * has no option for it, so each module is told, as it is compiled, that the memory it imports is a shared one.
 */
export function shareMemory(): void {
  const { Memory, Module, instantiate } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super({ ...descriptor, shared: true });
    }
  };
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      super(withSharedMemory(bytes));
    }
    static override [Symbol.hasInstance](value: unknown): boolean {
      return Function.prototype[Symbol.hasInstance].call(Module, value);
    }
  };
  WebAssembly.instantiate = ((source: BufferSource | WebAssembly.Module, imports?: WebAssembly.Imports) =>
    source instanceof Module ? instantiate(source, imports) : instantiate(withSharedMemory(source), imports)) as typeof instantiate;
}

// The binary format of WebAssembly: a header, then sections (an id, a size, a body).
const HEADER = 8;
const IMPORTS = 2;
/** The import that Emscripten gives every module, up to the limits of the memory: flags, least, and perhaps most pages. */
const MEMORY = Buffer.from('\x03env\x06memory\x02');
const HAS_MOST = 1;
const SHARED = 2;

/** The module itself where it imports no memory. */
function withSharedMemory(source: BufferSource): Buffer<ArrayBuffer> {
  const module = ArrayBuffer.isView(source) ? Buffer.from(source.buffer, source.byteOffset, source.byteLength) : Buffer.from(source);
  for (let at = HEADER; at < module.length; ) {
    const [size, body] = readNumber(module, at + 1);
    const end = body + size;
    if (module[at] === IMPORTS) {
      const section = module.subarray(body, end);
      const found = section.indexOf(MEMORY);
      if (found < 0) break;
      const limits = found + MEMORY.length;
      const [least, afterLeast] = readNumber(section, limits + 1);
      const [most, rest] = (section[limits] ?? 0) & HAS_MOST ? readNumber(section, afterLeast) : [MOST_PAGES, afterLeast];
      const imports = Buffer.concat([section.subarray(0, limits), Buffer.from([HAS_MOST | SHARED, ...number(least), ...number(most)]), section.subarray(rest)]);
      return Buffer.concat([module.subarray(0, at), Buffer.from([IMPORTS, ...number(imports.length)]), imports, module.subarray(end)]);
    }
    at = end;
  }
  return module;
}

// Numbers are LEB128: seven bits a byte, the lowest first.
function readNumber(bytes: Buffer, start: number): [value: number, after: number] {
  let value = 0;
  for (let at = start, unit = 1; ; at++, unit *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * unit;
    if (byte < 128) return [value, at + 1];
  }
}

const number = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...number(Math.floor(value / 128))]);
