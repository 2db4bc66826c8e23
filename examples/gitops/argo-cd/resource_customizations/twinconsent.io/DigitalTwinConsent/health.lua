local health = { status = "Progressing", message = "The operator has not seen this consent yet." }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "The operator has not seen the latest change yet."
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local function holds(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end
local ready = conditions["Ready"]
if ready == nil then
  return health
end

health.message = ready.message
if holds("Stalled") then
  health.status = "Degraded"
elseif holds("Reconciling") then
  health.status = "Progressing"
elseif holds("Ready") then
  health.status = "Healthy"
else
  -- Nothing goes on and nothing is broken: a person is to act.
  health.status = "Suspended"
end
return health
