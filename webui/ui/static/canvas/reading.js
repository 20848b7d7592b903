// Pictures that somebody brings, as the browser reads them; those that it can't take are refused in words.

const MOST_PIXELS = 64e6; // as the server, unless its settings say otherwise

/** The picture in a file, upright, as an ImageBitmap. Throws an Error that says what is wrong with the file. */
export async function readPicture(file, name = file.name ?? "") {
  const size = await sizeOf(file).catch(() => null);
  if (size && size.width * size.height > MOST_PIXELS) throw new Error(`${name || "The picture"} has ${size.width} × ${size.height} pixels; the canvas takes up to 64 million.`);
  const picture = size && (await createImageBitmap(file).catch(() => null));
  if (!picture) throw new Error(`${name || "This file"} is not a picture that the browser can read.`);
  if (await isAnimated(file)) {
    picture.close();
    throw new Error(`${name || "The picture"} is animated. Save the frame that you mean as a picture of its own.`);
  }
  return picture;
}

// Whether a file holds several pictures. Where the browser can't tell, the server will, though only when it gets the file.
async function isAnimated(file) {
  if (!globalThis.ImageDecoder || !file.type) return false;
  let decoder = null;
  try {
    decoder = new ImageDecoder({ data: await file.arrayBuffer(), type: file.type });
    await decoder.tracks.ready;
    await decoder.completed; // all frames are counted, none is decoded
    return decoder.tracks.selectedTrack.frameCount > 1; // `animated` is said of every GIF
  } catch {
    return false; // a format that it doesn't know, or that the file only says it has
  } finally {
    decoder?.close();
  }
}

// {width, height} by what the file begins with, before anything is made of its pixels.
async function sizeOf(file) {
  const image = new Image();
  const address = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject, src: address }));
  } finally {
    URL.revokeObjectURL(address);
  }
  return { width: image.naturalWidth, height: image.naturalHeight };
}
