local actions = {}
-- A suspended consent is not polled, whoever asks.
local suspended = obj.spec ~= nil and obj.spec.suspend == true
actions["resync"] = { ["disabled"] = suspended }
return actions
