/** A picture from the camera for the next question: a dialog shows what it sees until one is taken. */
import { camera, cameraClose, cameraTake, cameraView, openCamera } from './elements.ts';
import { showError } from './log.ts';

/** Of JPEG: looks the same, and is a tenth of the bytes. */
const QUALITY = 0.9;
/** Pixels that are asked for; models look at far fewer. */
const WANTED_WIDTH = 1280;

let stream: MediaStream | null = null;

/**
 * Offers the camera where there is one. Devices without a mouse offer theirs when pictures are chosen.
 * @param take gets each picture
 */
export async function listenForCamera(take: (file: File) => Promise<void>): Promise<void> {
  openCamera.addEventListener('click', () => void open());
  cameraClose.addEventListener('click', () => camera.close());
  // Also by Esc.
  camera.addEventListener('close', stopStream);
  cameraTake.addEventListener('click', () => void takePicture(take));
  openCamera.hidden = matchMedia('(pointer: coarse)').matches || !(await hasCamera());
}

async function hasCamera(): Promise<boolean> {
  // Absent where the page is neither local nor https.
  const devices: MediaDevices | undefined = navigator.mediaDevices;
  const all = (await devices?.enumerateDevices()) ?? [];
  return all.some(({ kind }) => kind === 'videoinput');
}

async function open(): Promise<void> {
  if (stream !== null) return;
  // Another click while the permission is asked for would open a stream that nothing stops.
  openCamera.disabled = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: WANTED_WIDTH } });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    showError(`The camera cannot be used: ${why}. Allow it for this page.`);
    return;
  } finally {
    openCamera.disabled = false;
  }
  cameraTake.disabled = true;
  cameraView.srcObject = stream;
  camera.showModal();
  await cameraView.play();
  cameraTake.disabled = false;
  cameraTake.focus();
}

async function takePicture(take: (file: File) => Promise<void>): Promise<void> {
  const { videoWidth: width, videoHeight: height } = cameraView;
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  canvas.getContext('2d')?.drawImage(cameraView, 0, 0);
  const blob = await new Promise<Blob | null>((resolve) =>
    canvas.toBlob(resolve, 'image/jpeg', QUALITY),
  );
  camera.close();
  if (blob !== null) await take(new File([blob], 'camera.jpg', { type: 'image/jpeg' }));
}

/** The light beside the camera goes out, too. */
function stopStream(): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  cameraView.srcObject = null;
}
