-- Any value that the annotation did not have before makes the operator poll HeyGen at once.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["reconcile.twinconsent.io/requestedAt"] = os.date("!%Y-%m-%dT%XZ")
return obj
