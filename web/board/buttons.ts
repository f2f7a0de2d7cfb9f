/** Buttons that keep the focus while they can't be used, unlike those that are `disabled`. */

export function enable(button: HTMLElement, usable: boolean): void {
  button.ariaDisabled = String(!usable);
}

export function isEnabled(button: HTMLElement): boolean {
  return button.ariaDisabled !== "true";
}

/** Enter in a form clicks its button too, so this also stops a form whose button can't be used. */
function stop(event: Event): void {
  if (!(event.target as Element).closest("[aria-disabled=true]")) return;
  event.preventDefault();
  event.stopPropagation();
}

document.addEventListener("click", stop, { capture: true });
