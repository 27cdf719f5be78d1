/** Whether a dialog is open, and not about to close. */
export function isDialogOpen(): boolean {
  return document.querySelector('[role$=dialog][data-open]') !== null;
}
