/** Lists that open below what was pressed, above everything else, and close when one looks away. */

export function floating(anchor, list) {
  const place = () => {
    const box = anchor.getBoundingClientRect();
    list.style.minWidth = `${Math.max(box.width, 180)}px`;
    const below = window.innerHeight - box.bottom - 12;
    const above = box.top - 12;
    const up = below < Math.min(list.scrollHeight, 280) && above > below;
    list.style.maxHeight = `${Math.min(320, up ? above : below)}px`;
    list.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - list.offsetWidth - 8))}px`;
    list.style.top = up ? "auto" : `${box.bottom + 4}px`;
    list.style.bottom = up ? `${window.innerHeight - box.top + 4}px` : "auto";
  };
  const outside = (event) => {
    if (!anchor.contains(event.target) && !list.contains(event.target)) close();
  };
  const isOpen = () => list.isConnected && list.matches(":popover-open");
  const close = () => {
    if (isOpen()) list.hidePopover();
    anchor.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    window.removeEventListener("resize", place);
    document.removeEventListener("scroll", moved, true);
  };
  const moved = (event) => {
    if (!list.contains(event.target)) place();
  };
  const open = () => {
    if (isOpen()) return place();
    list.showPopover();
    place();
    anchor.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside, true);
    window.addEventListener("resize", place);
    document.addEventListener("scroll", moved, true);
  };
  return { open, close, isOpen, place };
}
