// What pointers and wheels do to a picture.
// All of the image is seen: a drag picks on and on. Magnified: a click picks, a drag moves.
// The middle button, Shift or space always move; two fingers magnify; a double click goes close or back.

import { clip } from "./format.js";
import { closer, pixelAt, pointAt, viewOf, zoomTo } from "./zoom.js";

/** CSS pixels that a click may slip. */
const SLIP = 4;
/** What a double click magnifies. */
const CLOSE = 4;

/**
 * @typedef {object} Act what the picture does when it is told so
 * @property {() => import("./types").Size | null} size null: there is no picture yet
 * @property {() => number[]} zoom
 * @property {(pixel: import("./types").Pixel) => void} pick
 * @property {(zoom: number[]) => void} look
 * @property {(pixel: import("./types").Pixel | null) => void} hover
 * @property {() => void} hint the wheel was turned and scrolled the page
 */

/**
 * @typedef {object} Drag
 * @property {"pick" | "move" | "either" | "tap"} kind "either": a click picks, a drag moves; "tap": a finger's
 * @property {number} x where it began, CSS pixels of the window
 * @property {number} y
 * @property {[number, number]} point of the image that was under it
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Act} act
 */
export function gestures(canvas, act) {
  /** @type {Map<number, PointerEvent>} */
  const pointers = new Map();
  /** @type {Drag | null} */
  let drag = null;
  /** @type {{ apart: number, times: number, point: [number, number] } | null} */
  let pinch = null;
  let space = false;

  const size = () => /** @type {import("./types").Size} */ (act.size());
  const magnified = () => viewOf(act.zoom(), size()).times > 1;

  /** @param {{ clientX: number, clientY: number }} event @returns {[number, number]} */
  function placeOn(event) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [(event.clientY - top) / height, (event.clientX - left) / width];
  }
  /** @param {PointerEvent} event */
  const pixelUnder = (event) => pixelAt(placeOn(event), act.zoom(), size());

  /** @param {boolean} moving */
  function grip(moving) {
    canvas.classList.toggle("av-moving", moving);
    canvas.classList.toggle("av-movable", space);
  }

  /** The two fingers: how far apart, and what is between them. */
  function fingers() {
    const [one, other] = [...pointers.values()];
    const middle = {
      clientX: (one.clientX + other.clientX) / 2,
      clientY: (one.clientY + other.clientY) / 2,
    };
    const apart = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    return { apart: Math.max(1, apart), place: placeOn(middle) };
  }

  function startPinch() {
    const { apart, place } = fingers();
    const { times } = viewOf(act.zoom(), size());
    pinch = { apart, times, point: pointAt(place, act.zoom(), size()) };
    drag = null;
    act.hover(null);
  }

  function movePinch() {
    if (!pinch) return;
    const { apart, place } = fingers();
    act.look(zoomTo(pinch.point, place, pinch.times * apart / pinch.apart, size()));
  }

  /** @param {PointerEvent} event @returns {Drag["kind"] | null} */
  function kindOf(event) {
    if (event.button === 1 || (event.button === 0 && (event.shiftKey || space))) return "move";
    if (event.button !== 0) return null;
    if (magnified()) return "either";
    return event.pointerType === "touch" ? "tap" : "pick";
  }

  /** @param {PointerEvent} event */
  function down(event) {
    if (!act.size()) return;
    const kind = kindOf(event);
    if (!kind) return;
    if (event.button === 1) event.preventDefault(); // else the page begins to scroll by itself
    pointers.set(event.pointerId, event);
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    if (pointers.size === 2) {
      startPinch();
      return;
    }
    if (pointers.size > 2) return;
    const point = pointAt(placeOn(event), act.zoom(), size());
    drag = { kind, x: event.clientX, y: event.clientY, point };
    if (kind === "pick") act.pick(pixelUnder(event));
    if (kind === "move") grip(true);
  }

  /** @param {PointerEvent} event */
  function move(event) {
    if (!act.size()) return;
    if (pointers.has(event.pointerId)) pointers.set(event.pointerId, event);
    if (pinch && pointers.size >= 2) {
      movePinch();
      return;
    }
    if (!drag && pointers.size) return; // one finger of a pinch is left
    if (drag) moveDrag(drag, event);
    if (event.pointerType !== "touch" || drag) act.hover(pixelUnder(event));
  }

  /** @param {Drag} begun @param {PointerEvent} event */
  function moveDrag(begun, event) {
    const across = Math.abs(event.clientX - begun.x);
    const along = Math.abs(event.clientY - begun.y);
    const slipped = Math.hypot(across, along) > SLIP;
    if (begun.kind === "either" && slipped) begun.kind = "move";
    if (begun.kind === "tap" && slipped && across > along) begun.kind = "pick"; // along: the page scrolls
    if (begun.kind === "pick") act.pick(pixelUnder(event));
    if (begun.kind !== "move") return;
    grip(true);
    const { times } = viewOf(act.zoom(), size());
    act.look(zoomTo(begun.point, placeOn(event), times, size()));
  }

  /** @param {PointerEvent} event */
  function up(event) {
    if (!pointers.delete(event.pointerId)) return;
    const begun = drag;
    drag = null;
    grip(false);
    if (pinch) {
      if (!pointers.size) pinch = null;
      return;
    }
    if (!begun || event.type === "pointercancel") return;
    const still = Math.hypot(event.clientX - begun.x, event.clientY - begun.y) <= 2 * SLIP;
    if (begun.kind === "either" || (begun.kind === "tap" && still)) act.pick(pixelUnder(event));
    if (event.pointerType === "touch") act.hover(null);
  }

  /** @param {WheelEvent} event */
  function turn(event) {
    if (!act.size()) return;
    const asked = event.ctrlKey || event.metaKey;
    const near = magnified();
    const outwards = event.deltaY > 0;
    if (!asked && (!near || document.activeElement !== canvas)) {
      if (Math.abs(event.deltaY) > Math.abs(event.deltaX)) act.hint();
      return; // the page scrolls on
    }
    event.preventDefault();
    if (outwards && !near) return;
    const turned = { deltaY: event.deltaY, deltaMode: event.deltaMode, ctrlKey: asked };
    act.look(closer(act.zoom(), wheelFactor(turned), placeOn(event), size()));
  }

  /** @param {MouseEvent} event */
  function twice(event) {
    if (!act.size() || event.shiftKey) return;
    act.look(magnified() ? [] : closer([], CLOSE, placeOn(event), size()));
  }

  /** @param {boolean} held */
  function holdSpace(held) {
    space = held;
    grip(drag?.kind === "move");
  }

  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => act.hover(null));
  canvas.addEventListener("dblclick", twice);
  canvas.addEventListener("wheel", turn, { passive: false });
  canvas.addEventListener("touchmove", (event) => {
    if (event.touches.length > 1 && event.cancelable) event.preventDefault(); // the page would take the pinch
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault(); // the page would scroll
    holdSpace(true);
  });
  canvas.addEventListener("keyup", (event) => event.key === " " && holdSpace(false));
  canvas.addEventListener("blur", () => holdSpace(false));
}

/**
 * How much closer a turn of the wheel goes. `ctrlKey`: a trackpad's pinch says so, in smaller steps.
 * @param {{ deltaY: number, deltaMode: number, ctrlKey: boolean }} wheel
 * @returns {number}
 */
export function wheelFactor({ deltaY, deltaMode, ctrlKey }) {
  const unit = deltaMode === 1 ? 0.05 : deltaMode === 2 ? 1 : 0.002;
  const turn = -deltaY * unit * (ctrlKey ? 10 : 1);
  return 2 ** clip(turn, -0.5, 0.5);
}
