"""The scripts that Redis runs, one for each method of a store.

A record is a hash. A sorted set has the keys by the time at which they are due, another
one has those that have a handle, a set has the keys of each owner, and each handle
leads to its key. All names have one hash
tag, so that a cluster stores them together. What nobody deletes expires by itself.
"""

_BEGIN = """
local function name(kind, text) return '{peeringdb_oauth}:' .. kind .. ':' .. text end
local due_set = '{peeringdb_oauth}:due'
local named_set = '{peeringdb_oauth}:named'
local function now()
    local time = redis.call('TIME')
    return string.format('%d.%06d', time[1], time[2])
end
local function read(key)
    local fields = redis.call('HMGET', name('record', key),
        'value', 'version', 'due_at', 'owner', 'handle')
    if not fields[1] then return nil end
    return {key, fields[1], fields[2], fields[3], fields[4], fields[5]}
end
local function forget(key, stored)
    redis.call('DEL', name('record', key))
    redis.call('ZREM', due_set, key)
    redis.call('ZREM', named_set, key)
    if stored[5] then redis.call('SREM', name('owner', stored[5]), key) end
    if stored[6] then redis.call('DEL', name('handle', stored[6])) end
end
"""

GET = _BEGIN + "return {now(), read(ARGV[1])}"

# The arguments: key, value, version, due_at, owner, handle, expected. None is empty. A
# last one says whether the write is repeated, because its first answer was lost.
PUT = (
    _BEGIN
    + """
local key, value, version, due_at, owner, handle, expected, time = unpack(ARGV)
local stored = read(key)
if time == 'repeated' and stored and stored[2] == value then return 1 end
if (stored and stored[3] or '') ~= expected then return 0 end
if stored then forget(key, stored) end
local record = name('record', key)
redis.call('HSET', record, 'value', value, 'version', version, 'due_at', due_at)
local ends = math.ceil(math.max(tonumber(due_at), tonumber(now()))) + 7 * 86400
local function keep(what)
    if redis.call('TTL', what) < ends - tonumber(now()) then
        redis.call('EXPIREAT', what, ends)
    end
end
redis.call('EXPIREAT', record, ends)
redis.call('ZADD', due_set, due_at, key)
keep(due_set)
if owner ~= '' then
    redis.call('HSET', record, 'owner', owner)
    redis.call('SADD', name('owner', owner), key)
    keep(name('owner', owner))
end
if handle ~= '' then
    redis.call('HSET', record, 'handle', handle)
    redis.call('SET', name('handle', handle), key)
    redis.call('EXPIREAT', name('handle', handle), ends)
    redis.call('ZADD', named_set, due_at, key)
    keep(named_set)
end
return 1
"""
)

DELETE = (
    _BEGIN
    + """
local stored = read(ARGV[1])
if not stored and ARGV[3] == 'repeated' then return 1 end
if not stored or stored[3] ~= ARGV[2] then return 0 end
forget(ARGV[1], stored)
return 1
"""
)

OF_OWNER = (
    _BEGIN
    + """
local found = {}
for _, key in ipairs(redis.call('SMEMBERS', name('owner', ARGV[1]))) do
    local stored = read(key)
    if stored then
        table.insert(found, stored)
    else
        redis.call('SREM', name('owner', ARGV[1]), key)
    end
end
return found
"""
)

OF_HANDLE = (
    _BEGIN
    + """
local key = redis.call('GET', name('handle', ARGV[1]))
return key and read(key)
"""
)

DUE = (
    _BEGIN
    + """
local time, found = now(), {}
local keys = redis.call(
    'ZRANGEBYSCORE', due_set, '-inf', time + tonumber(ARGV[2]), 'LIMIT', 0, ARGV[1])
for _, key in ipairs(keys) do
    local stored = read(key)
    if stored then
        table.insert(found, stored)
    else
        redis.call('ZREM', due_set, key)
        redis.call('ZREM', named_set, key)
    end
end
return {time, found}
"""
)

COUNT = _BEGIN + "return redis.call('ZCOUNT', named_set, '(' .. now(), '+inf')"
