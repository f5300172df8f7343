"use strict";
// Plays the messages and votes of one slot: hospitals on a circle, messages as dots on their way.
tclearn.animation = (() => {
  const { make } = tclearn;
  const WIDTH = 760;
  const HEIGHT = 560;
  const PAUSE_SHARE = 0.08;
  const LOG_LINES = 9;
  const LABELS_MAX = 80;
  const LEVEL_MAX = 16;
  const STEP_MS = 600;
  const CALM = matchMedia("(prefers-reduced-motion: reduce)");
  const DARK = matchMedia("(prefers-color-scheme: dark)");

  // Unsigned LEB128 numbers, laid out as scenarios/reports/animation.py says.
  function unpack(base64) {
    const bytes = tclearn.bytes(base64);
    let at = 0;
    const next = () => {
      let value = 0;
      for (let scale = 1; ; scale *= 128) {
        const byte = bytes[at];
        if (byte === undefined) throw new Error("the messages of this slot are cut off");
        at += 1;
        value += (byte & 127) * scale;
        if (byte < 128) return value;
      }
    };
    const messages = [];
    const sendings = [];
    let time = 0;
    while (at < bytes.length) {
      time += next();
      const [from, kind, author, size] = [next(), next(), next(), next()];
      sendings.push({ time, from, kind, author, size });
      for (let left = next(); left > 0; left -= 1) {
        messages.push({ start: time, from, kind, author, size, to: next(), end: time + next() });
      }
    }
    return { messages, sendings };
  }

  // Simulated time to playing time: long pauses, in which nothing happens, are played fast.
  function clock(times, end) {
    const stops = [...new Set([0, ...times, end])].sort((a, b) => a - b);
    const gaps = stops.slice(1).map((stop, i) => stop - stops[i]);
    let most = Infinity;
    for (let i = 0; i < 4; i += 1) {
      most = PAUSE_SHARE * gaps.reduce((sum, gap) => sum + Math.min(gap, most), 0);
    }
    const played = [0];
    gaps.forEach((gap, i) => played.push(played[i] + Math.min(gap, most)));
    const total = played[played.length - 1] || 1;
    const along = (from, to, x) => {
      let low = 0;
      let high = from.length - 1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (from[middle] <= x) low = middle; else high = middle;
      }
      const width = from[high] - from[low] || 1;
      return to[low] + ((to[high] - to[low]) * Math.max(0, Math.min(width, x - from[low]))) / width;
    };
    return {
      toTime: (share) => along(played, stops, share * total),
      toShare: (time) => along(stops, played, time) / total,
      squeezed: gaps.some((gap) => gap > most),
    };
  }

  const STATES = {
    waits: ["", "waits"],
    accepts: ["✓", "accepts the candidate"],
    refuses: ["✕", "refuses the candidate"],
    says: ["…", "votes"],
    decides: ["◆", "has decided"],
    records: ["■", "has recorded"],
  };
  const RANK = ["waits", "accepts", "refuses", "says", "decides", "records"];

  // What every hospital has come to at a time.
  function statesAt(slot, count, time) {
    const states = Array.from({ length: count }, () => ({ state: "waits", judged: "", type: "", down: false }));
    slot.down.forEach((who) => { states[who].down = true; });
    for (const [at, who, what, detail] of slot.events) {
      if (at > time) break;
      const mine = states[who];
      if (what === "crash") mine.down = true;
      if (what === "recover") mine.down = false;
      if (what === "accepts" || what === "refuses") mine.judged = what;
      if (what === "records") mine.type = detail;
      if (RANK.indexOf(what) > RANK.indexOf(mine.state)) mine.state = what;
      else if (what === "accepts" && mine.state === "refuses") mine.state = what;
    }
    return states;
  }

  const WORDS = {
    proposes: "proposes", accepts: "accepts", refuses: "refuses", says: "says", decides: "decides",
    records: "records", crash: "crashes", recover: "is back", accuse: "accuses",
    refuse: "does not take in, from", "catch-up": "catches up",
  };

  const milliseconds = (us) => (us < 10e6 ? `${(us / 1000).toFixed(1)} ms` : `${(us / 1e6).toFixed(2)} s`);

  function svg(name, attributes, ...parts) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...parts);
    return element;
  }

  function circle(names) {
    const room = names.length > LEVEL_MAX ? 220 : 110;
    const radius = (HEIGHT - room) / 2;
    return names.map((name, i) => {
      const angle = (2 * Math.PI * i) / names.length - Math.PI / 2;
      return { name, x: WIDTH / 2 + radius * Math.cos(angle), y: HEIGHT / 2 + radius * Math.sin(angle), angle };
    });
  }

  // Where a name stands: beside its hospital, or along the ray where there are many.
  function level(place, size) {
    const side = Math.cos(place.angle);
    const middle = Math.abs(side) < 0.2;
    return {
      x: (size + 10) * side,
      y: (size + 10) * Math.sin(place.angle) + 4 + (middle ? 6 * Math.sin(place.angle) : 0),
      "text-anchor": middle ? "middle" : side > 0 ? "start" : "end",
    };
  }

  function along(place, size) {
    const degrees = (place.angle * 180) / Math.PI;
    const left = Math.cos(place.angle) < -0.001;
    return {
      x: (left ? -1 : 1) * (size + 5),
      "text-anchor": left ? "end" : "start",
      dy: "0.35em",
      transform: `rotate(${left ? degrees + 180 : degrees})`,
    };
  }

  function hospitalMarks(places) {
    const crowded = places.length > LEVEL_MAX;
    const size = Math.max(4, Math.min(20, (crowded ? 340 : 420) / places.length));
    return places.map((place) => {
      const label = svg("text", { class: "name", ...(crowded ? along(place, size) : level(place, size)) },
        place.name.length > 18 ? `${place.name.slice(0, 17)}…` : place.name);
      const glyph = svg("text", { "text-anchor": "middle", dy: "0.35em", class: "glyph", "font-size": size });
      const title = svg("title", {});
      const mark = svg("g", { class: "hospital", transform: `translate(${place.x} ${place.y})` },
        title, svg("circle", { r: size }), glyph);
      if (places.length <= LABELS_MAX) mark.append(label);
      return { mark, glyph, title };
    });
  }

  function build(data, place) {
    const places = circle(data.instances);
    const marks = hospitalMarks(places);
    const roles = tclearn.data("kind-roles");
    const canvas = make("canvas", { "aria-hidden": "true" });
    const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "Hospitals on a circle; what each has come to is told beside it" },
      ...marks.map((each) => each.mark));
    const stage = make("div", { class: places.length > LEVEL_MAX ? "stage crowded" : "stage" }, canvas, drawing);
    const chooser = make("select", { id: "slot-choice" }, ...data.slots.map((slot, i) => make("option", { value: i },
      `${slot.slot}${slot.why ? `: ${slot.why}` : ""}`)));
    const play = make("button", { type: "button", class: "play" }, "▶ Play");
    const back = make("button", { type: "button", "aria-label": "One step back" }, "◀ Step");
    const forward = make("button", { type: "button", "aria-label": "One step forward" }, "Step ▶");
    const slider = make("input", { type: "range", min: "0", max: "1000", step: "1", value: "0", "aria-label": "Time" });
    const speed = make("select", {}, ...[["0.25", "¼ ×"], ["0.5", "½ ×"], ["1", "1 ×"], ["2", "2 ×"], ["4", "4 ×"]].map(
      ([value, text]) => make("option", { value, selected: value === "1" }, text)));
    const now = make("output", { class: "now" });
    const log = make("ol", { class: "log" });
    const legend = make("div", { class: "legend", role: "group", "aria-label": "Kinds of messages" });
    const note = make("p", { class: "quiet" });
    place.append(
      make("div", { class: "controls" }, make("label", {}, "Slot ", chooser), play, back, forward,
        make("label", {}, "Speed ", speed), now),
      slider,
      make("div", { class: "scene" }, stage, make("div", { class: "beside" }, legend, log)),
      note,
    );
    return { places, marks, roles, canvas, stage, chooser, play, back, forward, slider, speed, now, log, legend, note };
  }

  function start() {
    const data = tclearn.data("animation-data");
    const place = document.getElementById("animation-view");
    if (data === null || place === null || data.slots.length === 0) return null;
    const view = build(data, place);
    const hidden = new Set();
    let slot;
    let scene;
    let time;
    let share = 0;
    let playing = false;
    let last = 0;
    let duration = 10;

    function load(index) {
      slot = data.slots[index];
      scene = unpack(slot.messages);
      const times = scene.messages.flatMap((each) => [each.start, each.end]).concat(slot.events.map((each) => each[0]));
      time = clock(times, slot.end - slot.start);
      duration = Math.max(8, Math.min(40, 6 + slot.events.length * 0.06));
      drawLegend();
      view.note.textContent = (time.squeezed ? "Pauses in which nothing happens are played fast. " : "")
        + (scene.sendings.some((each) => each.size === 0) ? "A hollow dot is a message whose sending is not in the trace: its way is drawn with the usual flight time." : "");
      seek(0);
    }

    function drawLegend() {
      const counts = new Map();
      scene.messages.forEach((each) => counts.set(each.kind, (counts.get(each.kind) || 0) + 1));
      view.legend.replaceChildren(...[...counts].sort((a, b) => a[0] - b[0]).map(([kind, count]) => {
        const box = make("input", { type: "checkbox", checked: !hidden.has(kind) });
        box.addEventListener("change", () => {
          if (box.checked) hidden.delete(kind); else hidden.add(kind);
          paint();
        });
        const dot = make("span", { class: "dot" });
        dot.style.background = tclearn.figures.colour(`@${view.roles[data.kinds[kind]] || "neutral"}`);
        return make("label", {}, box, dot, `${data.kinds[kind]} `, make("span", { class: "quiet" }, `× ${count}`));
      }));
    }

    function seek(to) {
      share = Math.max(0, Math.min(1, to));
      view.slider.value = String(Math.round(share * 1000));
      paint();
    }

    function step(direction) {
      stop();
      const here = time.toTime(share);
      const times = [...new Set(slot.events.map((each) => each[0]))].sort((a, b) => a - b);
      const next = direction > 0 ? times.find((each) => each > here + 0.5) : times.filter((each) => each < here - 0.5).pop();
      seek(next === undefined ? (direction > 0 ? 1 : 0) : time.toShare(next));
    }

    function paint() {
      const here = time.toTime(share) + 0.5;
      paintHospitals(here);
      paintMessages(here);
      view.now.textContent = `${milliseconds(here - 0.5)} after the slot began`;
      view.slider.setAttribute("aria-valuetext", view.now.textContent);
      const told = slot.events.filter((each) => each[0] <= here).slice(-LOG_LINES);
      view.log.replaceChildren(...told.map(([at, who, what, detail]) => make("li", {},
        make("span", { class: "quiet" }, `${milliseconds(at)} `),
        `${data.instances[who]} ${WORDS[what] || what}${detail && what !== "accepts" ? ` ${detail}` : ""}`)));
    }

    function paintHospitals(here) {
      statesAt(slot, data.instances.length, here).forEach((mine, i) => {
        const { mark, glyph, title } = view.marks[i];
        const name = mine.down ? "down" : mine.state;
        mark.dataset.state = name;
        mark.dataset.judged = mine.judged;
        mark.dataset.type = mine.type;
        const [sign, words] = mine.down ? ["×", "is down"] : STATES[mine.state];
        glyph.textContent = sign;
        title.textContent = `${data.instances[i]} ${words}${mine.type ? `: ${mine.type}` : ""}`;
      });
    }

    function paintMessages(here) {
      const ratio = globalThis.devicePixelRatio || 1;
      const width = view.stage.clientWidth;
      const height = (width * HEIGHT) / WIDTH;
      if (view.canvas.width !== Math.round(width * ratio)) {
        view.canvas.width = Math.round(width * ratio);
        view.canvas.height = Math.round(height * ratio);
      }
      const pen = view.canvas.getContext("2d");
      const scale = (width * ratio) / WIDTH;
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      pen.clearRect(0, 0, WIDTH, HEIGHT);
      let flying = 0;
      const colours = data.kinds.map((kind) => tclearn.figures.colour(`@${view.roles[kind] || "neutral"}`));
      const radius = data.instances.length > 24 ? 2.6 : 5;
      const trails = data.instances.length <= 24;
      for (const each of scene.messages) {
        if (each.start > here || each.end < here || hidden.has(each.kind)) continue;
        flying += 1;
        const way = (here - each.start) / (each.end - each.start || 1);
        const a = view.places[each.from];
        const b = view.places[each.to];
        const x = a.x + (b.x - a.x) * way;
        const y = a.y + (b.y - a.y) * way;
        pen.strokeStyle = colours[each.kind];
        pen.fillStyle = colours[each.kind];
        if (trails) {
          pen.globalAlpha = 0.28;
          pen.lineWidth = 1.5;
          pen.beginPath();
          pen.moveTo(a.x, a.y);
          pen.lineTo(x, y);
          pen.stroke();
        }
        pen.globalAlpha = 1;
        pen.beginPath();
        pen.arc(x, y, radius, 0, 2 * Math.PI);
        if (each.size === 0) { pen.lineWidth = 2; pen.stroke(); } else pen.fill();
      }
      view.stage.dataset.flying = String(flying);
    }

    function frame(stamp) {
      if (!playing) return;
      const passed = Math.min(100, stamp - last) / 1000;
      last = stamp;
      seek(share + (passed * Number(view.speed.value)) / duration);
      if (share >= 1) stop(); else requestAnimationFrame(frame);
    }

    // For readers who want no motion: from step to step, with time to look.
    function walk() {
      if (!playing) return;
      step(1);
      playing = share < 1;
      mark();
      if (playing) setTimeout(walk, STEP_MS / Number(view.speed.value));
    }

    function mark() {
      view.play.textContent = playing ? "❚❚ Pause" : "▶ Play";
      place.dataset.playing = playing ? "yes" : "no";
    }

    function stop() {
      playing = false;
      mark();
    }

    function toggle() {
      if (playing) { stop(); return; }
      if (share >= 1) seek(0);
      playing = true;
      mark();
      if (CALM.matches) { walk(); return; }
      requestAnimationFrame((stamp) => { last = stamp; frame(stamp); });
    }

    view.play.addEventListener("click", toggle);
    view.back.addEventListener("click", () => step(-1));
    view.forward.addEventListener("click", () => step(1));
    view.slider.addEventListener("input", () => { stop(); seek(Number(view.slider.value) / 1000); });
    view.chooser.addEventListener("change", () => { stop(); load(Number(view.chooser.value)); });
    DARK.addEventListener("change", () => { drawLegend(); paint(); });
    new ResizeObserver(() => paintMessages(time.toTime(share) + 0.5)).observe(view.stage);
    const first = data.slots.findIndex((each) => each.asked);
    view.chooser.value = String(Math.max(0, first));
    load(Math.max(0, first));
    mark();
    return { share: () => share };
  }

  return { start, unpack };
})();
