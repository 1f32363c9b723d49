"use strict";
// Pictures along the time of an utterance show where its player is, and a click into one plays from there.
for (const picture of document.querySelectorAll("svg[data-player]")) {
  const player = document.getElementById(picture.dataset.player);
  const head = picture.querySelector(".playhead");
  const region = picture.parentElement;
  const scale = Number(picture.dataset.scale);
  const show = () => {
    const x = player.currentTime * scale;
    head.setAttribute("visibility", player.currentTime > 0 ? "visible" : "hidden");
    head.setAttribute("transform", `translate(${x} 0)`);
    const left = region.scrollLeft, width = region.clientWidth;
    if (!player.paused && width && (x < left || x > left + 0.9 * width)) region.scrollLeft = x - 0.1 * width;
    if (!player.paused) requestAnimationFrame(show);
  };
  for (const event of ["play", "seeked", "pause", "timeupdate"]) player.addEventListener(event, show);
  picture.style.cursor = "pointer";
  picture.addEventListener("click", (event) => {
    player.currentTime = (event.clientX - picture.getBoundingClientRect().left) / scale;
    player.play();
  });
}
for (const player of document.querySelectorAll("audio")) {
  player.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== player) other.pause();
  });
}
