// The tools, and what each does between the first touch and the last.

import { t } from "../language.js";
import { Polygon, Rectangle, Stretch, boxBetween } from "./shapes.js";
import { isEmpty } from "./boxes.js";
import { fillFrom } from "./mask-acts.js";
import { framing } from "./frame.js";

const LEAST_RADIUS = 0.5; // px, of the lightest touch of a pen

/**
 * A tool's handlers get the canvas and a touch {point, pressure, pointer, takesAway, goesOn}: point in picture pixels, pressure 0 to 1,
 * pointer "mouse", "pen" or "touch", takesAway with Alt, goesOn with Shift; on the colour sketch Alt picks a colour with some tools (altPicks). `hover` follows a pointer that isn't pressed. `begin` returns the state that `move`, `end` and `stop` get back; null: nothing begins.
 */
export const TOOLS = {
  brush: { words: t("Brush"), key: "B", hasRing: true, altPicks: true, ...strokes(false, t("Brush")) },
  eraser: { words: t("Eraser"), key: "E", hasRing: true, ...strokes(true, t("Eraser")) },
  lasso: { words: t("Lasso"), key: "L", ...outlines(t("Lasso"), (points) => points, (points) => new Polygon(points)) },
  rectangle: {
    words: t("Rectangle"),
    key: "R",
    ...outlines(t("Rectangle"), corners, (points) => new Rectangle(boxBetween(points[0], points.at(-1)))),
  },
  fill: {
    words: t("Fill"),
    key: "G",
    altPicks: true,
    begin(canvas, touch) {
      canvas.work(fillFrom(canvas.painting, touch.point, canvas.brush.ink(touch.takesAway)));
      return null;
    },
  },
  // A colour from what is seen, for the colour sketch.
  pick: {
    words: t("Pick a colour"),
    key: "P",
    ofSketch: true,
    begin: (canvas, touch) => pick(canvas, touch) ?? {},
    move: (canvas, touch) => pick(canvas, touch),
    end: (canvas) => canvas.tool === "pick" && canvas.choose("brush"),
    stop: () => {},
  },
  extend: { words: t("Extend"), key: "O", extends: true, ...framing },
  pan: { words: t("Pan"), key: "Space", pans: true },
};

function pick(canvas, { point }) {
  const colour = canvas.board.colourAt(point);
  if (colour) canvas.brush.set({ colour });
}

function strokes(erase, words) {
  const spot = (canvas, { point, pressure }) => ({ ...point, radius: Math.max(LEAST_RADIUS, (canvas.brush.size / 2) * pressure) });
  return {
    begin(canvas, touch) {
      const { painting, brush } = canvas;
      if (!painting.begin(brush.ink(erase !== touch.takesAway))) return null;
      const here = spot(canvas, touch);
      const from = touch.goesOn && brush.last?.painting === painting ? brush.last.spot : here;
      painting.cover(new Stretch(from, here, brush.softness));
      return { painting, last: here };
    },
    move(canvas, touch, state) {
      const here = spot(canvas, touch);
      state.painting.cover(new Stretch(state.last, here, canvas.brush.softness));
      state.last = here;
    },
    end(canvas, _touch, state) {
      canvas.brush.last = { painting: state.painting, spot: state.last };
      state.painting.keep(words);
    },
    stop: (_canvas, state) => state.painting.giveUp(),
  };
}

// Something is drawn round first and covered when the pointer is lifted.
function outlines(words, outline, shapeOf) {
  return {
    begin: (canvas, { point, takesAway }) => ({ painting: canvas.painting, points: [point], takesAway }),
    move(canvas, { point }, state) {
      state.points.push(point);
      canvas.board.trace(outline(state.points));
    },
    end(canvas, _touch, { painting, points, takesAway }) {
      canvas.board.trace(null);
      const shape = points.length > 1 ? shapeOf(points) : null;
      if (!shape || isEmpty(shape.box) || !painting.begin(canvas.brush.ink(takesAway))) return;
      painting.cover(shape);
      painting.keep(words);
    },
    stop: (canvas) => canvas.board.trace(null),
  };
}

function corners(points) {
  const { left, top, right, bottom } = boxBetween(points[0], points.at(-1));
  return [{ x: left, y: top }, { x: right, y: top }, { x: right, y: bottom }, { x: left, y: bottom }];
}
