-- Requests the lines of a file in turn: path, cookie and body, separated by tabs. A line with a body is a POST of JSON.
-- With a second file, the token in each answer is written there. At the end, prints the figures as JSON.

local lines, position = {}, 0
local thread

-- Global, because the last function reads it from outside of the thread.
laps = 0

function setup(the_only_one)
  thread = the_only_one
end

function init(args)
  for line in io.lines(args[1]) do
    local path, cookie, body = line:match('^([^\t]*)\t([^\t]*)\t(.*)$')
    local headers = {}
    for name, value in pairs(wrk.headers) do headers[name] = value end
    if cookie ~= '' then headers['Cookie'] = cookie end
    if body ~= '' then headers['Content-Type'] = 'application/json' end
    lines[#lines + 1] = wrk.format(body ~= '' and 'POST' or 'GET', path, headers, body ~= '' and body or nil)
  end
  if args[2] then
    local tokens = io.open(args[2], 'w')
    -- wrk parses answers only if this function exists.
    function response(_, _, body)
      tokens:write(body:match('"token":"([^"]*)"') or '', '\n')
    end
  end
end

function request()
  position = position + 1
  if position > #lines then
    position = 1
    laps = laps + 1
  end
  return lines[position]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(
    string.format(
      '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"laps":%d,"errors":%d}\n',
      summary.requests,
      summary.duration,
      latency:percentile(50),
      latency:percentile(99),
      thread:get('laps'),
      errors.status + errors.connect + errors.read + errors.write + errors.timeout
    )
  )
end
