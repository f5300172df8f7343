"use strict";
// Reads the one encoding that is hashed and signed: the strict subset of CBOR of
// docs/ledger-format.md. What has two encodings, or a wrong one, is refused; so what the table shows
// is what the hashed bytes say, and nothing else.
tclearn.decode = (() => {
  const DEPTH_MAX = 16;
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  function fail(at, what) {
    throw new Error(`offset ${at}: ${what}`);
  }

  function argument(state) {
    const { data, at } = state;
    const low = data[at] & 31;
    state.at += 1;
    if (low < 24) return low;
    if (low > 27) fail(at, "no definite length");
    const width = 1 << (low - 24);
    if (state.at + width > data.length) fail(data.length, "the end, within a number");
    let value = 0n;
    for (let i = 0; i < width; i += 1) value = (value << 8n) | BigInt(data[state.at + i]);
    const least = width === 1 ? 24n : 1n << BigInt(4 * width);
    if (value < least) fail(at, `not the shortest form of ${value}`);
    state.at += width;
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  function slice(state, size) {
    const end = state.at + Number(size);
    if (end > state.data.length) fail(state.data.length, "the end, within a string");
    const found = state.data.subarray(state.at, end);
    state.at = end;
    return found;
  }

  function text(state, size, start) {
    try {
      return utf8.decode(slice(state, size));
    } catch (error) {
      if (error instanceof TypeError) fail(start, "text that is not UTF-8");
      throw error;
    }
  }

  function sorted(before, key) {
    for (let i = 0; i < Math.min(before.length, key.length); i += 1) {
      if (before[i] !== key[i]) return before[i] < key[i];
    }
    return before.length < key.length;
  }

  function map(state, count, depth) {
    const entries = new Map();
    let before = new Uint8Array(0);
    for (let i = 0; i < count; i += 1) {
      const start = state.at;
      if (state.data[start] >> 5 !== 3) fail(start, "a key that is no text");
      const key = text(state, argument(state), start);
      const encoded = state.data.subarray(start, state.at);
      if (!sorted(before, encoded)) fail(start, "a key out of order");
      before = encoded;
      entries.set(key, value(state, depth));
    }
    return entries;
  }

  function value(state, depth) {
    const start = state.at;
    if (start >= state.data.length) fail(start, "the end, where a value should be");
    const head = state.data[start];
    const major = head >> 5;
    if (major > 5) {
      if (head < 0xf4 || head > 0xf6) fail(start, "a float, a tag or another simple value");
      state.at += 1;
      return [false, true, null][head - 0xf4];
    }
    const number = argument(state);
    if (major === 0) return number;
    if (major === 1) {
      const negative = -1n - BigInt(number);
      return negative >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(negative) : negative;
    }
    if (major === 2) return slice(state, number);
    if (major === 3) return text(state, number, start);
    if (depth === DEPTH_MAX) fail(start, "nested too deep");
    if (number > state.data.length) fail(start, "more items than bytes");
    if (major === 5) return map(state, number, depth + 1);
    const items = [];
    for (let i = 0; i < number; i += 1) items.push(value(state, depth + 1));
    return items;
  }

  // Arrays become arrays, maps Map, byte strings Uint8Array, large integers BigInt.
  return (data) => {
    const state = { data, at: 0 };
    const found = value(state, 0);
    if (state.at !== data.length) fail(state.at, `${data.length - state.at} bytes after the end`);
    return found;
  };
})();
