/** A key, in the colour of our pages' links. */
export const FAVICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="none" stroke="#1f5fbf" stroke-width="4" stroke-linecap="round"><circle cx="10" cy="16" r="6"/><path d="M16 16h12M22 16v5M28 16v6"/></g></svg>`;
