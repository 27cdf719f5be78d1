/** The path of the script of pages with a form that is to be sent once. */
export const SUBMIT_ONCE = '/login/once.js';

/** Sends one form of the page, once in five seconds: a second click would make the browser drop the answer to the first. */
export const SUBMIT_ONCE_TEXT = `(() => {
  let isSent = false;
  addEventListener('submit', (event) => {
    if (isSent) event.preventDefault();
    else setTimeout(() => (isSent = false), 5000);
    isSent = true;
  });
  addEventListener('pageshow', () => (isSent = false));
})();
`;
