package argocd

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	consent     = "DigitalTwinConsent"
	requestedAt = "reconcile.twinconsent.io/requestedAt"
)

// actionTests is Argo CD's own format for tests of actions.
type actionTests struct {
	DiscoveryTests []struct {
		InputPath string                    `json:"inputPath"`
		Result    []v1alpha1.ResourceAction `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []struct {
		Action             string `json:"action"`
		InputPath          string `json:"inputPath"`
		ExpectedOutputPath string `json:"expectedOutputPath"`
	} `json:"actionTests"`
}

func TestTheActionsPassTheirTestsInTheLayoutOfArgoCD(t *testing.T) {
	var tests actionTests
	strictly(t, filepath.Join(customizations, consent, "action_test.yaml"), &tests)
	if len(tests.DiscoveryTests) == 0 || len(tests.ActionTests) == 0 {
		t.Fatalf("there are no tests: %+v", tests)
	}
	vm := lua.VM{ResourceOverrides: overrides(t)}
	for _, test := range tests.DiscoveryTests {
		t.Run("discovery/"+test.InputPath, func(t *testing.T) {
			before := object(t, consent, test.InputPath)
			scripts, err := vm.GetResourceActionDiscovery(before)
			if err != nil {
				t.Fatal(err)
			}
			actions, err := vm.ExecuteResourceActionDiscovery(before, scripts)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(actions, test.Result) {
				t.Errorf("expected %+v, got %+v", test.Result, actions)
			}
		})
	}
	for _, test := range tests.ActionTests {
		t.Run("actions/"+test.Action+"/"+test.InputPath, func(t *testing.T) {
			after := run(t, vm, test.Action, object(t, consent, test.InputPath))
			expected := object(t, consent, test.ExpectedOutputPath)
			at := after.GetAnnotations()[requestedAt]
			if made, err := time.Parse(time.RFC3339, at); err != nil || time.Since(made).Abs() > time.Hour {
				t.Errorf("%s is %q: not the time of now (%v)", requestedAt, at, err)
			}
			annotations := expected.GetAnnotations()
			annotations[requestedAt] = at
			expected.SetAnnotations(annotations)
			if !reflect.DeepEqual(wholeNumbers(after.Object), wholeNumbers(expected.Object)) {
				t.Errorf("expected %v, got %v", expected.Object, after.Object)
			}
		})
	}
}

// Also an object that has annotations already keeps them.
func TestResyncLeavesOtherAnnotationsAlone(t *testing.T) {
	before := object(t, consent, "testdata/awaiting-approval.yaml")
	before.SetAnnotations(map[string]string{"example.com/team": "video", requestedAt: "long ago"})
	after := run(t, lua.VM{ResourceOverrides: overrides(t)}, "resync", before)
	if after.GetAnnotations()["example.com/team"] != "video" || after.GetAnnotations()[requestedAt] == "long ago" {
		t.Errorf("%v", after.GetAnnotations())
	}
}

func run(t *testing.T, vm lua.VM, name string, before *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	action, err := vm.GetResourceAction(before, name)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := vm.ExecuteResourceAction(before, action.ActionLua, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(changed) != 1 || changed[0].K8SOperation != lua.PatchOperation {
		t.Fatalf("expected one patch, got %+v", changed)
	}
	return changed[0].UnstructuredObj
}

// wholeNumbers undoes what Lua does to numbers: it knows only floating-point ones.
func wholeNumbers(value any) any {
	switch value := value.(type) {
	case float64:
		return int64(value)
	case []any:
		whole := make([]any, len(value))
		for i := range value {
			whole[i] = wholeNumbers(value[i])
		}
		return whole
	case map[string]any:
		whole := map[string]any{}
		for key := range value {
			whole[key] = wholeNumbers(value[key])
		}
		return whole
	}
	return value
}
