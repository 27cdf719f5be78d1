/** The path of the script for the page that waits for the visitor. */
export const LOGIN_SCRIPT = '/login/continue.js';

/**
 * Presses the page's button once the visitor is there: in its own window when it is visible and focused, and neither
 * prerendered nor controlled by a program; in a frame at once, if the token only has to be shown. Without scripts,
 * visitors press the button themselves.
 */
export const LOGIN_SCRIPT_TEXT = `(() => {
  const form = document.querySelector('form');
  const button = form.querySelector('button');
  let isSent = false;
  form.addEventListener('submit', () => {
    isSent = true;
    // Later: a disabled button would not be a part of the form that is being sent.
    setTimeout(() => (button.disabled = true));
  });
  // In a frame of its own site, which nobody looks into: the browser shows the page nowhere else.
  if (window.top !== window) return form.requestSubmit(button);
  if (navigator.webdriver || /headless/i.test(navigator.userAgent)) return;
  const proceed = () => {
    const isThere = !document.prerendering && document.visibilityState === 'visible' && document.hasFocus();
    if (isThere && !isSent) form.requestSubmit(button);
  };
  document.addEventListener('prerenderingchange', proceed);
  document.addEventListener('visibilitychange', proceed);
  window.addEventListener('focus', proceed);
  proceed();
})();
`;
