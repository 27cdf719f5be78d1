// On Node 20 oidc-provider says when it is loaded that it wants a newer Node. A real start says so too; here it would
// stand between the results of every file.
const { warn } = console;
console.warn = (...args) => {
  if (!String(args[0]).startsWith('oidc-provider WARNING: Unsupported runtime.')) warn.apply(console, args);
};
