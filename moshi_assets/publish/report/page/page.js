"use strict";
(() => {
  const $ = (id) => document.getElementById(id);

  // Tooltips of the charts' bars; their numbers are in the tables too.
  const tip = $("tip");
  const showTip = (event) => {
    const text = event.target instanceof Element && event.target.getAttribute("data-tip");
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(event.clientX - box.width / 2, innerWidth - box.width - 8))}px`;
    tip.style.top = `${event.clientY - box.height - 14 > 0 ? event.clientY - box.height - 14 : event.clientY + 18}px`;
  };
  addEventListener("pointermove", showTip);
  addEventListener("pointerdown", showTip);
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  if (!$("clips")) return;
  const clips = JSON.parse($("clips").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const SIDES = ["left", "right"];
  const SIDE_OF = { assistant: "left", user: "right" };
  const LANE = 84;  // height of a lane's drawing; its lowest 10 are for the words' marks
  const desk = $("desk"), player = $("player"), wave = $("wave"), play = $("play");
  const buttons = [...document.querySelectorAll(".sample")];
  const soloButtons = [...document.querySelectorAll("[data-solo]")];
  const meters = [$("level-left"), $("level-right")];

  let current = -1, clip = null, sound = null, loading = null, marks = [];
  let context = null, source = null, gains = [], panners = [], analysers = [];
  let playing = false, offset = 0, startedAt = 0, solo = "both", frame = 0;

  const clock = (seconds) => {
    const tenths = Math.round(Math.max(0, seconds) * 10);
    return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
  };
  const SHAPES = new Set(["path", "rect", "g", "clipPath"]);
  const element = (name, attributes = {}, ...children) => {
    const made = name === "svg" || SHAPES.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  // -- what is shown

  const outline = (peaks, seconds) => {
    const middle = (LANE - 10) / 2, high = middle - 4, step = 1000 / Math.max(1, peaks.length);
    const points = peaks.map((peak, i) => [(i + 0.5) * step, high * peak / 100]);
    const upper = points.map(([x, y]) => `${x.toFixed(1)} ${(middle - y).toFixed(1)}`);
    const lower = points.reverse().map(([x, y]) => `${x.toFixed(1)} ${(middle + Math.max(y, 0.4)).toFixed(1)}`);
    return `M0 ${middle}L${upper.join("L")}L1000 ${middle}L${lower.join("L")}Z`;
  };

  const drawWave = () => {
    marks = [];
    const lanes = SIDES.map((side, channel) => {
      const lane = element("svg", { class: side, viewBox: `0 0 1000 ${LANE}`, preserveAspectRatio: "none", "aria-hidden": "true" });
      for (const turn of clip.turns.filter((t) => SIDE_OF[t.role] === side)) {
        const from = Math.max(0, turn.start), to = Math.min(clip.seconds, turn.end);
        lane.append(element("rect", { class: "turn", x: 1000 * from / clip.seconds, width: 1000 * (to - from) / clip.seconds, y: 0, height: LANE }));
      }
      if (clip.peaks.length) {
        const path = outline(clip.peaks[channel], clip.seconds);
        const played = element("rect", { class: "played", x: 0, y: 0, width: 0, height: LANE });
        lane.append(element("clipPath", { id: `played-${side}` }, played), element("path", { class: "sound all", d: path }),
          element("path", { class: "sound", d: path, "clip-path": `url(#played-${side})` }));
      }
      return lane;
    });
    wave.replaceChildren(...lanes, element("div", { class: "head" }));
    const several = new Set(clip.turns.map((turn) => turn.dialogue)).size > 1;
    const list = clip.turns.flatMap((turn, number) => {
      const lane = lanes[SIDES.indexOf(SIDE_OF[turn.role])];
      const text = element("p", { class: "text", dir: "auto" });
      turn.words.forEach(([word, start, end], i) => {
        const span = element("span", { class: start === null ? (clip.timed ? "word out" : "word") : "word" }, word);
        if (start !== null) {
          span.dataset.at = start;
          const mark = element("rect", { class: "mark", x: 1000 * start / clip.seconds, width: Math.max(1, 1000 * (end - start) / clip.seconds - 1), y: LANE - 8, height: 6, rx: 1 });
          lane?.append(mark);
          marks.push({ start, end, span, mark, on: false });
        }
        text.append(i ? (/[\u3040-\u30ff\u3400-\u9fff]/.test(word) ? "" : " ") : "", span);
      });
      const kind = turn.backchannel ? "backchannel" : `turn ${turn.number}`;
      const who = element("p", { class: "who" }, element("b", {}, turn.role), element("span", {}, kind), element("span", {}, clock(turn.start + clip.offset)));
      const item = element("li", { class: turn.role === "assistant" ? "assistant" : "user" }, who, text);
      const first = several && turn.dialogue !== clip.turns[number - 1]?.dialogue;
      return first ? [element("li", { class: "dialogue", dir: "auto" }, turn.dialogue), item] : [item];
    });
    $("turns").replaceChildren(...list);
    const step = [1, 2, 5, 10].find((s) => clip.seconds / s <= 8) || 20;
    const ticks = [];
    for (let second = 0; second < clip.seconds - step * 0.4; second += step) {
      const tick = element("span", {}, `${+(second + clip.offset).toFixed(1)}${second ? "" : " s"}`);
      tick.style.left = `${100 * second / clip.seconds}%`;
      ticks.push(tick);
    }
    $("ruler").replaceChildren(...ticks);
  };

  const show = (number, announce = true) => {
    if (number === current) return;
    stop();
    current = number;
    clip = clips[number];
    sound = null;
    offset = 0;
    buttons.forEach((button) => {
      if (+button.dataset.sample === number) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
    $("clip-title").textContent = clip.title;
    const whole = clip.offset === 0 && Math.abs(clip.seconds - clip.recording) < 0.01;
    $("clip-facts").textContent = [
      clip.path,
      whole ? "" : `seconds ${clip.offset.toFixed(1)} to ${(clip.offset + clip.seconds).toFixed(1)} of ${clip.recording.toFixed(1)}`,
      `${clip.rate / 1000} kHz`, clip.split === "train" ? "" : clip.split,
      clip.timed ? (clip.approximate ? "word times approximate" : "") : "no word times",
    ].filter(Boolean).join(" · ");
    $("clip-reason").textContent = clip.reason;
    $("clip-reason").hidden = !clip.reason;
    $("clip-problem").textContent = clip.problem ? `This recording ${clip.problem}.` : "";
    $("clip-problem").hidden = !clip.problem;
    play.disabled = Boolean(clip.problem);
    $("previous").disabled = number === 0;
    $("next").disabled = number === clips.length - 1;
    $("length").textContent = clock(clip.seconds);
    $("now").textContent = "";  // told anew, to screen readers too
    wave.setAttribute("aria-valuemax", clip.seconds.toFixed(1));
    drawWave();
    showSolo();
    follow();
    if (announce) $("said").textContent = `Sample ${number + 1} of ${clips.length}: ${clip.title}. ${clip.reason}`;
  };

  const follow = () => {
    const time = position(), share = clip.seconds ? Math.min(1, time / clip.seconds) : 0;
    wave.querySelector(".head").style.left = `${100 * share}%`;
    wave.querySelectorAll(".played").forEach((rect) => rect.setAttribute("width", 1000 * share));
    const shown = clock(time);
    if ($("now").textContent !== shown) {
      $("now").textContent = shown;
      wave.setAttribute("aria-valuenow", time.toFixed(1));
      wave.setAttribute("aria-valuetext", `${time.toFixed(1)} of ${clip.seconds.toFixed(1)} seconds`);
    }
    for (const mark of marks) {
      const on = (playing || time > 0) && mark.start <= time && time < mark.end;
      if (on !== mark.on) {
        mark.on = on;
        mark.span.classList.toggle("on", on);
        mark.mark.classList.toggle("on", on);
      }
    }
    const block = new Float32Array(1024);
    meters.forEach((meter, channel) => {
      let power = 0;
      if (playing && analysers[channel]) {
        analysers[channel].getFloatTimeDomainData(block);
        for (const value of block) power += value * value;
      }
      const level = power ? 10 * Math.log10(power / block.length) : -Infinity;
      meter.value = Math.max(0, Math.min(1, (level + 60) / 60));
    });
    cancelAnimationFrame(frame);
    if (playing) frame = requestAnimationFrame(follow);
  };

  // -- sound: one buffer, split into its channels; each has a gain, a meter and a place between the ears

  const prepare = () => {
    if (context) return;
    context = new (window.AudioContext || window.webkitAudioContext)();
    SIDES.forEach((side, channel) => {
      gains[channel] = context.createGain();
      analysers[channel] = context.createAnalyser();
      panners[channel] = context.createStereoPanner();
      gains[channel].connect(analysers[channel]).connect(panners[channel]).connect(context.destination);
    });
    applySolo(0);
  };

  const decode = async (number) => {
    const bytes = Uint8Array.from(atob($(`sound-${clips[number].sound}`).textContent), (character) => character.charCodeAt(0));
    const rate = Math.max(8000, Math.min(96000, clips[number].rate));
    return new OfflineAudioContext(2, 1, rate).decodeAudioData(bytes.buffer);
  };

  const position = () => {
    if (!playing) return offset;
    const heard = context.currentTime - startedAt - (context.outputLatency || 0);  // what the ear has got by now
    return Math.min(clip.seconds, offset + Math.max(0, heard));
  };

  const silence = () => {
    if (!source) return;
    source.onended = null;
    source.stop();
    source.disconnect();
    source = null;
  };

  const stop = () => {
    if (playing) offset = position();
    loading = null;
    playing = false;
    silence();
    play.classList.remove("playing");
    play.setAttribute("aria-label", "Play");
  };

  const start = async () => {
    if (clip.problem) return;
    const wanted = loading = {};  // another start or stop makes this one void
    prepare();
    try {
      const running = context.resume();
      if (!sound) {
        const decoded = await decode(current);
        if (loading !== wanted) return;
        sound = decoded;
      }
      await running;
    } catch (error) {
      if (loading !== wanted) return;
      $("clip-problem").textContent = `This browser cannot play it: ${error.message || error}`;
      $("clip-problem").hidden = false;
      return;
    }
    if (loading !== wanted) return;
    silence();
    if (offset >= clip.seconds - 0.02) offset = 0;
    const splitter = context.createChannelSplitter(2);
    source = context.createBufferSource();
    source.buffer = sound;
    source.connect(splitter);
    gains.forEach((gain, channel) => splitter.connect(gain, channel));
    source.onended = () => { stop(); offset = clip.seconds; follow(); };
    startedAt = context.currentTime;
    source.start(0, offset);
    playing = true;
    play.classList.add("playing");
    play.setAttribute("aria-label", "Pause");
    follow();
  };

  const toggle = () => { if (playing) { stop(); follow(); } else start(); };

  const seek = (time) => {
    const again = playing;
    stop();
    offset = Math.max(0, Math.min(clip.seconds, time));
    if (again) start();
    follow();
  };

  const applySolo = (seconds) => {
    SIDES.forEach((side, channel) => {
      if (!gains[channel]) return;
      const heard = solo === "both" || solo === side;
      gains[channel].gain.setTargetAtTime(heard ? 1 : 0, context.currentTime, seconds);
      panners[channel].pan.setTargetAtTime(solo === "both" ? 2 * channel - 1 : 0, context.currentTime, seconds);
    });
  };

  const showSolo = () => {
    soloButtons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.solo === solo)));
    wave.querySelectorAll("svg").forEach((lane, channel) => lane.classList.toggle("mute", solo !== "both" && solo !== SIDES[channel]));
  };

  // -- what one can do

  buttons.forEach((button) => button.addEventListener("click", () => show(+button.dataset.sample)));
  play.addEventListener("click", toggle);
  $("previous").addEventListener("click", () => show(Math.max(0, current - 1)));
  $("next").addEventListener("click", () => show(Math.min(clips.length - 1, current + 1)));
  soloButtons.forEach((button) => button.addEventListener("click", () => { solo = button.dataset.solo; applySolo(0.01); showSolo(); }));
  $("turns").addEventListener("click", (event) => {
    const word = event.target.closest("[data-at]");
    if (!word) return;
    offset = +word.dataset.at;
    stop();
    offset = +word.dataset.at;
    start();
  });
  const pointed = (event) => {
    const box = wave.getBoundingClientRect();
    return clip.seconds * (event.clientX - box.left) / box.width;
  };
  wave.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    wave.setPointerCapture(event.pointerId);
    seek(pointed(event));
  });
  wave.addEventListener("pointermove", (event) => { if (wave.hasPointerCapture(event.pointerId)) seek(pointed(event)); });
  player.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const far = event.shiftKey ? 5 : 1;
    const moves = { ArrowLeft: -far, ArrowDown: -far, ArrowRight: far, ArrowUp: far, PageDown: -5, PageUp: 5, Home: -Infinity, End: Infinity };
    const upright = event.key === "ArrowUp" || event.key === "ArrowDown" || event.key.startsWith("Page");
    if (!(event.key in moves) || (event.target !== wave && upright)) return;
    seek(position() + moves[event.key]);
    event.preventDefault();
  });

  // Space plays wherever the focus is. Only a control that was reached with the keyboard keeps it for itself, as long as
  // it would do something there: after a click the focus stays on what was clicked, which nobody means by Space.
  let pointing = false, ours = false;
  addEventListener("pointerdown", () => { pointing = true; }, { capture: true });
  addEventListener("keydown", (event) => { if (event.key === "Tab") pointing = false; }, { capture: true });
  const keepsSpace = (target) => {
    const control = target.closest("button, summary");
    return control && !pointing && !control.matches("[aria-current=true], [aria-pressed=true]");
  };
  document.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    ours = !(event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || keepsSpace(event.target));
    if (!ours) return;
    event.preventDefault();
    if (!event.repeat) toggle();
  });
  document.addEventListener("keyup", (event) => { if (event.key === " " && ours) event.preventDefault(); });  // no click

  desk.hidden = false;
  show(0, false);
})();
