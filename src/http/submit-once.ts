/** The path of the script for pages whose form must be sent only once. */
export const SUBMIT_ONCE = '/login/once.js';

/**
 * Lets the page send one form every five seconds. A second click would make the browser drop the answer to the first.
 */
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
