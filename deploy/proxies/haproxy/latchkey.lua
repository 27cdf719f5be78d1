-- Asks Latchkey whether a request for a protected site may pass, and who its visitor is. For HAProxy 2.6 or newer, loaded by haproxy.cfg.
-- Latchkey is the first server of the backend `latchkey` that is not down. The rule `http-request lua.latchkey` has two variables:
--   txn.latchkey_site    before: the origin of the site, such as https://learn.example.com
--   txn.latchkey_passed  after: true for a request that may pass; haproxy.cfg refuses every other one

-- Milliseconds. If its database does not answer, Latchkey itself reports that after 5 s.
local TIMEOUT = 8000

local IDENTITY = {
  'x-latchkey-user', 'x-latchkey-email', 'x-latchkey-name', 'x-latchkey-third-party-ids', 'x-latchkey-actor', 'x-latchkey-assertion',
}

-- Headers about a connection or a body, which do not apply to the question and its answer.
local NOT_PASSED_ON = {}
for _, name in ipairs({
  'connection', 'content-length', 'expect', 'host', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
}) do
  NOT_PASSED_ON[name] = true
end

-- HAProxy numbers the values of a header from 0.
local function list(values)
  local all = {}
  for i = 0, #values do all[#all + 1] = values[i] end
  return all
end

-- The browser's headers. Those that describe the request are replaced by what HAProxy received.
local function question(txn, scheme, host)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not NOT_PASSED_ON[name] then headers[name] = list(values) end
  end
  headers['x-forwarded-method'] = { txn.f:method() }
  headers['x-forwarded-proto'] = { scheme }
  headers['x-forwarded-host'] = { host }
  headers['x-forwarded-uri'] = { txn.f:pathq() }
  headers['x-forwarded-for'] = { tostring(txn.f:src()) }
  return headers
end

-- A page, or the redirect after a link with a token.
local function refuse(txn, answer)
  local reply = txn:reply({ status = answer.status, reason = answer.reason })
  for name, values in pairs(answer.headers) do
    if not NOT_PASSED_ON[name] then
      for _, value in ipairs(list(values)) do reply:add_header(name, value) end
    end
  end
  reply:set_body(answer.body)
  txn:done(reply)
end

local function first(answer, name)
  local values = answer.headers[name]
  return values and values[0] or ''
end

local function address()
  for _, server in pairs(core.backends['latchkey'].servers) do
    if not string.find(server:get_stats()['status'], '^DOWN') then return server:get_addr() end
  end
end

core.register_action('latchkey', { 'http-req' }, function(txn)
  local scheme, host = string.match(txn:get_var('txn.latchkey_site') or '', '^(https?)://(.+)$')
  local latchkey = address()
  if not scheme or not latchkey then return end
  local answer = core.httpclient():get({
    url = 'http://' .. latchkey .. '/forward-auth', headers = question(txn, scheme, host), timeout = TIMEOUT,
  })
  -- 0: nobody answered.
  if not answer or answer.status == 0 then return end
  if answer.status ~= 200 then return refuse(txn, answer) end

  for _, name in ipairs(IDENTITY) do txn.http:req_set_header(name, first(answer, name)) end
  -- The browser's cookies without Latchkey's.
  local cookies = first(answer, 'cookie')
  if cookies == '' then txn.http:req_del_header('cookie') else txn.http:req_set_header('cookie', cookies) end
  txn:set_var('txn.latchkey_passed', true)
end)
