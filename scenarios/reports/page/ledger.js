"use strict";
// The ledger: recomputes every hash from the embedded bytes, checks how the blocks hang together,
// and shows what those bytes say. Signatures are not in the page, and nothing is said about them.
tclearn.ledger = (() => {
  const { make, hex } = tclearn;
  const ROWS_MAX = 50;
  const BYTES_SHOWN = 48;
  const ITEMS_OPEN = 12;
  const ZEROS = "0".repeat(64);
  const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

  // A hash function and its name; null where neither can be trusted to be one.
  async function hasher() {
    const abc = new TextEncoder().encode("abc");
    if (globalThis.crypto?.subtle) {
      const native = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      if (hex(await native(abc)) === ABC) return { name: "WebCrypto", hash: native };
    }
    if (hex(tclearn.sha256(abc)) === ABC) {
      return { name: "a SHA-256 of its own", hash: async (bytes) => tclearn.sha256(bytes) };
    }
    return null;
  }

  async function read(entry, label, hash) {
    const block = { entry, faults: [], hash: null, core: null };
    try {
      const bytes = tclearn.bytes(entry.core);
      const input = new Uint8Array(label.length + 1 + bytes.length);
      input.set(label);
      input.set(bytes, label.length + 1);
      block.hash = hex(await hash(input));
      block.core = tclearn.decode(bytes);
      if (!(block.core instanceof Map)) throw new Error("offset 0: no map");
    } catch (error) {
      block.core = null;
      block.faults.push(`its bytes are no record (${error.message})`);
    }
    if (block.hash !== null && block.hash !== entry.hash) {
      block.faults.push(
        `its bytes hash to ${short(block.hash)}, and the record in the replica to ${short(entry.hash)}`,
      );
    }
    return block;
  }

  const field = (block, name) => (block.core === null ? undefined : block.core.get(name));
  const digest = (block, name) => {
    const value = field(block, name);
    return value instanceof Uint8Array ? hex(value) : undefined;
  };

  function expect(block, what, found, expected) {
    if (block.core === null || found === expected) return;
    const show = (x) => (typeof x === "string" ? short(x) : String(x));
    block.faults.push(`${what} is ${show(found)} where ${show(expected)} should be`);
  }

  // Rules of the chain, as docs/ledger-format.md has them: those that need the cores alone.
  function link(blocks, leftOut) {
    blocks.forEach((block, i) => {
      const height = i === 0 ? 0 : i + leftOut;
      block.height = height;
      expect(block, "its height", field(block, "height"), height);
      expect(block, "its slot", field(block, "slot"), height);
      if (i === 0) {
        expect(block, "its type", field(block, "type"), "genesis");
        expect(block, "its chain", digest(block, "chain"), ZEROS);
        expect(block, "its previous hash", digest(block, "prev"), ZEROS);
        return;
      }
      const before = blocks[i - 1];
      if (field(block, "type") === "genesis") block.faults.push("it is a second genesis block");
      expect(block, "its chain", digest(block, "chain"), blocks[0].hash);
      if (i === 1 && leftOut > 0) return;
      if (field(before, "type") === "end") block.faults.push("it follows the end of the run");
      if (field(block, "time_us") < field(before, "time_us")) block.faults.push("its time falls");
      const prev = digest(block, "prev");
      if (block.core === null || prev === before.hash) return;
      // Of two neighbours, the one that is wrong by itself is the one that was changed.
      if (before.faults.length > 0) {
        before.faults.push(`the block after it names ${short(prev)} as the hash before`);
      } else {
        expect(block, "its previous hash", prev, before.hash);
      }
    });
  }

  async function verify(data) {
    const chosen = await hasher();
    if (chosen === null) return null;
    const label = new TextEncoder().encode(data.label);
    const blocks = [];
    for (const entry of data.blocks) blocks.push(await read(entry, label, chosen.hash));
    link(blocks, data.leftOut);
    const own = data.heads.find((head) => head.replica === data.replica);
    const last = blocks[blocks.length - 1];
    if (own.head !== null && own.height === last.height && own.head !== last.hash
        && last.faults.length === 0) {
      last.faults.push(`it is not the block ${short(own.head)} in which the replica ends`);
    }
    return { blocks, by: chosen.name };
  }

  const short = (text) => (/^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, 16)}…` : text);
  const seconds = (us) => `${(Number(us) / 1e6).toFixed(2)} s`;
  const percent = (ppm) => (ppm === null || ppm === undefined ? "" : `${(Number(ppm) / 1e4).toFixed(1)} %`);

  function sentence(found, data) {
    const { blocks, by } = found;
    const bad = blocks.filter((block) => block.faults.length > 0);
    const count = `${blocks.length - bad.length} of ${blocks.length} blocks verify`;
    if (bad.length === 0) {
      const rest = data.leftOut ? `; ${data.leftOut} older blocks are not in this page` : "";
      return `${count}: this page hashed their bytes (${by}) and followed the chain${rest}.`;
    }
    const names = bad.slice(0, 8).map((block) => block.height).join(", ");
    const more = bad.length > 8 ? " and others" : "";
    return `${count}. Not as recorded: block ${names}${more}.`;
  }

  // What a value of the encoding looks like.
  function tree(value, key = "") {
    if (value instanceof Map) {
      const list = make("dl", { class: "tree" });
      for (const [name, item] of value) list.append(make("dt", {}, name), make("dd", {}, tree(item, name)));
      return list;
    }
    if (Array.isArray(value)) {
      if (value.length === 0) return make("span", { class: "quiet" }, "empty");
      const list = make("ol", { class: "tree", start: "0" });
      list.append(...value.map((item) => make("li", {}, tree(item))));
      if (value.length <= ITEMS_OPEN) return list;
      return make("details", {}, make("summary", {}, `${value.length} items`), list);
    }
    if (value instanceof Uint8Array) {
      const shown = hex(value.subarray(0, BYTES_SHOWN));
      const more = value.length > BYTES_SHOWN ? `… (${value.length} bytes)` : "";
      return make("code", {}, shown || "no bytes", more);
    }
    if (value === null) return make("span", { class: "quiet" }, "null");
    if (key === "time_us") return `${value} (${seconds(value)})`;
    if (key === "global_score") return `${value} (${percent(value)})`;
    return String(value);
  }

  function table(heads, rows, caption) {
    return make("div", { class: "wide" }, make("table", {},
      make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", {}, cell)))))));
  }

  function inside(block) {
    const { entry } = block;
    const box = make("div", { class: "inside" });
    if (block.faults.length > 0) {
      box.append(make("ul", { class: "faults" }, ...block.faults.map((f) => make("li", {}, f))));
    }
    box.append(make("p", {}, "Core hash ", make("code", {}, block.hash ?? "none"),
      `, computed by this page; the record has ${entry.size} bytes with its seal.`));
    if (block.core !== null) box.append(tree(block.core));
    if (entry.verdicts.length > 0) {
      box.append(table(["hospital", "judgement", "reason", "scores"], entry.verdicts.map(
        ([node, accept, reason, scores]) => [node, accept ? "✓ accepts" : "✕ refuses", reason,
          Object.entries(scores).map(([name, ppm]) => `${name} ${percent(ppm)}`).join(", ")],
      ), "Verdicts in the seal; no hash covers them, their signatures do, which are not in this page"));
    }
    if (entry.votes.length > 0) {
      const said = entry.votes.map(([node, vote]) => `${node} (${vote})`).join(", ");
      box.append(make("p", {}, `Votes in the seal: ${said}.`));
    }
    return box;
  }

  function candidate(block) {
    const body = field(block, "body");
    const found = body instanceof Map ? body.get("candidate") : null;
    return found instanceof Map ? found : new Map();
  }

  function row(block) {
    const good = block.faults.length === 0;
    const type = String(field(block, "type") ?? "unreadable");
    const accepting = block.entry.verdicts.filter((verdict) => verdict[1]).length;
    const refusing = block.entry.verdicts.length - accepting;
    const id = `block-${block.height}`;
    const button = make("button", { type: "button", "aria-expanded": "false", "aria-controls": id },
      String(block.height));
    const head = make("tr", { "data-verified": good ? "yes" : "no", "data-height": block.height },
      make("td", { class: "mark" }, good ? "✓" : "✕", make("span", { class: "unseen" }, good ? "verifies" : "does not verify")),
      make("td", {}, button),
      make("td", {}, make("span", { class: `type ${/^[a-z]+$/.test(type) ? type : ""}` }, type)),
      make("td", {}, String(field(block, "proposer") ?? "–")),
      make("td", { class: "number" }, percent(candidate(block).get("global_score"))),
      make("td", { class: "number" }, block.entry.verdicts.length ? `${accepting} / ${refusing}` : ""),
      make("td", { class: "number" }, String(block.entry.votes.length || "")),
      make("td", { class: "number" }, block.core === null ? "" : seconds(field(block, "time_us"))),
      make("td", {}, make("code", {}, block.hash === null ? "none" : short(block.hash))));
    const cell = make("td", { colspan: "9" });
    const body = make("tr", { id, class: "opened", hidden: true }, cell);
    button.addEventListener("click", () => {
      const open = body.hidden;
      body.hidden = !open;
      button.setAttribute("aria-expanded", String(open));
      if (open && cell.childElementCount === 0) cell.append(inside(block));
    });
    return { head, body, text: head.textContent.toLowerCase() + (block.hash ?? ""), type, good };
  }

  function browse(blocks) {
    const rows = blocks.map(row);
    const words = make("input", { type: "search", placeholder: "hospital, type or hash" });
    const types = make("select", {}, make("option", { value: "" }, "all types"),
      ...[...new Set(rows.map((each) => each.type))].map((type) => make("option", { value: type }, type)));
    const count = make("span", { class: "quiet", role: "status" });
    const more = make("button", { type: "button" }, "Show more");
    const heads = ["", "block", "type", "proposer", "G", "for / against", "votes", "time", "core hash"];
    const list = make("tbody", {});
    let most = ROWS_MAX;
    const show = () => {
      const wanted = words.value.toLowerCase().split(/\s+/);
      const found = rows.filter((each) => (types.value === "" || each.type === types.value)
        && wanted.every((word) => each.text.includes(word)));
      list.replaceChildren(...found.slice(0, most).flatMap((each) => [each.head, each.body]));
      count.textContent = `${Math.min(most, found.length)} of ${rows.length} blocks shown`;
      more.hidden = found.length <= most;
    };
    words.addEventListener("input", show);
    types.addEventListener("change", show);
    more.addEventListener("click", () => { most += ROWS_MAX; show(); });
    show();
    return [
      make("div", { class: "controls" }, make("label", {}, "Filter ", words), make("label", {}, "Type ", types), count),
      make("div", { class: "wide" }, make("table", { class: "ledger" },
        make("thead", {}, make("tr", {}, ...heads.map((head, i) => make("th", { scope: "col", class: i >= 4 && i <= 7 ? "number" : null }, head)))), list)),
      more,
    ];
  }

  function relation(head, hashes) {
    if (head.head === null) return "cannot be read";
    const here = hashes.get(head.height);
    if (here === undefined) return "ends at a height that is not in this page";
    if (here !== head.head) return "✕ another block at this height";
    return head.height === Math.max(...hashes.keys()) ? "✓ the same head" : "✓ the same chain, shorter";
  }

  function replicas(data, hashes) {
    const rows = data.heads.map((head) => [
      head.replica === data.replica ? `${head.replica} (shown above)` : head.replica,
      head.height === null ? "–" : String(head.height),
      make("code", {}, head.head === null ? "–" : short(head.head)),
      relation(head, hashes) + (head.trouble ? `; ${head.trouble}` : ""),
    ]);
    const found = table(["replica", "height", "chain head", "beside the chain above"], rows,
      "Where every replica ended when this page was written");
    found.classList.add("heads");
    return rows.length <= 12 ? found : make("details", {}, make("summary", {}, `${rows.length} replicas`), found);
  }

  function kept(hashes) {
    const answer = make("output", {});
    const input = make("input", { type: "text", size: "34", spellcheck: "false", placeholder: "64 hexadecimal digits" });
    input.addEventListener("input", () => {
      const text = input.value.trim().toLowerCase();
      const found = [...hashes].find(([, hash]) => hash === text);
      if (!/^[0-9a-f]{64}$/.test(text)) answer.textContent = "";
      else answer.textContent = found ? `✓ is block ${found[0]} of this chain` : "✕ is no block of this page";
    });
    return make("div", { class: "controls" }, make("label", {}, "A chain head that you kept elsewhere ", input), answer);
  }

  async function start() {
    const data = tclearn.data("ledger-data");
    const place = document.getElementById("ledger-view");
    if (data === null || place === null) return;
    const banner = make("p", { class: "banner", role: "status" }, "Hashing…");
    place.append(banner);
    const found = await verify(data);
    if (found === null) {
      banner.dataset.state = "unknown";
      banner.textContent = "Nothing was verified: this browser has no SHA-256 that gives the right answers.";
      return;
    }
    const good = found.blocks.every((block) => block.faults.length === 0);
    banner.dataset.state = good ? "good" : "bad";
    banner.textContent = sentence(found, data);
    const hashes = new Map(found.blocks.filter((block) => block.hash !== null).map((block) => [block.height, block.hash]));
    place.append(...browse(found.blocks), kept(hashes), replicas(data, hashes));
  }

  return { start, verify, hasher };
})();
