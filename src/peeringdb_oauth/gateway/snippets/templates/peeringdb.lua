-- Asks the gateway of peeringdb-oauth about each request. For HAProxy 2.6 and later.
--
--   http-request lua.peeringdb_check URL DESTINATION HEADERS
--
-- URL: the gateway's check. DESTINATION: its Unix socket ("unix@/path"), or "-".
-- HEADERS: the names, with commas, of what the gateway tells the application.
-- The request has its X-Forwarded headers already, and no header of HEADERS.
--
-- Afterwards txn.peeringdb_status is the gateway's status, 0 if it cannot be asked. With 204
-- the request has the headers for the application, and its cookies without the gateway's.

-- They are about the connection or the body, and this request has a body of its own: none.
local LEFT_OUT = {
    ["connection"] = true, ["content-encoding"] = true, ["content-length"] = true,
    ["expect"] = true, ["keep-alive"] = true, ["te"] = true, ["trailer"] = true,
    ["transfer-encoding"] = true, ["upgrade-insecure-requests"] = true,
}

local function values(of)
    local found = {}
    local index = 0
    while of[index] ~= nil do
        found[#found + 1] = of[index]
        index = index + 1
    end
    return found
end

local function headers_for_check(txn)
    local headers = {}
    for name, of in pairs(txn.http:req_get_headers()) do
        if name == "cookie" then
            headers[name] = { table.concat(values(of), "; ") }
        elseif not LEFT_OUT[name] then
            headers[name] = values(of)
        end
    end
    return headers
end

local function first(response, name)
    local of = response.headers and response.headers[name]
    return of and of[0]
end

local function check(txn, url, destination, names)
    txn:set_var("txn.peeringdb_status", 0)
    local request = { url = url, headers = headers_for_check(txn), timeout = 30000 }
    if destination ~= "-" then
        request.dst = destination
    end
    local response = core.httpclient():get(request)
    if not response or response.status ~= 204 then
        txn:set_var("txn.peeringdb_status", response and response.status or 0)
        return
    end
    for name in string.gmatch(names, "[^,]+") do
        local value = first(response, string.lower(name))
        if value then
            txn.http:req_set_header(name, value)
        end
    end
    local cookie = first(response, "x-peeringdb-cookie")
    if cookie then
        txn.http:req_set_header("cookie", cookie)
    else
        txn.http:req_del_header("cookie")
    end
    txn:set_var("txn.peeringdb_status", 204)
end

core.register_action("peeringdb_check", { "http-req" }, check, 3)
