local health = { status = "Progressing", message = "The operator has not seen this account yet." }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "The operator has not seen the latest change yet."
  return health
end

-- These pass without anybody's help.
local passing = { Throttled = true, Unreachable = true }

for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    elseif condition.reason == "Suspended" then
      health.status = "Suspended"
    elseif passing[condition.reason] then
      health.status = "Progressing"
    else
      health.status = "Degraded"
    end
  end
end
return health
