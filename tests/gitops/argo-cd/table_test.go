package argocd

import (
	"path/filepath"
	"testing"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/v3/util/lua"
)

func TestArgoCDSaysWhatTheTableSays(t *testing.T) {
	scripts := lua.ResourceHealthOverrides(overrides(t))
	for _, row := range rows(t) {
		t.Run(row.Kind+"/"+row.Name, func(t *testing.T) {
			status, err := health.GetResourceHealth(object(t, row.Kind, "testdata/"+row.Name+".yaml"), scripts)
			if err != nil {
				t.Fatal(err)
			}
			if status == nil || string(status.Status) != row.ArgoCD || status.Message == "" {
				t.Errorf("expected %s with a message, Argo CD says %+v", row.ArgoCD, status)
			}
		})
	}
}

// Who forgets the scripts gets no health at all: a sync goes on as if the person had consented.
func TestWithoutTheScriptsArgoCDHasNoOpinion(t *testing.T) {
	for _, row := range rows(t) {
		status, err := health.GetResourceHealth(object(t, row.Kind, "testdata/"+row.Name+".yaml"), lua.ResourceHealthOverrides{})
		if err != nil {
			t.Fatal(err)
		}
		if status != nil {
			t.Errorf("%s/%s: Argo CD says %+v by itself now: see whether the scripts are still needed", row.Kind, row.Name, status)
		}
	}
}

// healthTests is Argo CD's own format for tests of health.lua.
type healthTests struct {
	Tests []struct {
		InputPath    string              `json:"inputPath"`
		HealthStatus health.HealthStatus `json:"healthStatus"`
	} `json:"tests"`
}

// As Argo CD's own tests do it, so that the folder can be handed to that project as it is.
func TestTheScriptsPassTheirTestsInTheLayoutOfArgoCD(t *testing.T) {
	for _, kind := range kinds {
		var tests healthTests
		strictly(t, filepath.Join(customizations, kind, "health_test.yaml"), &tests)
		if len(tests.Tests) == 0 {
			t.Errorf("%s has no tests", kind)
		}
		script := string(read(t, filepath.Join(customizations, kind, "health.lua")))
		for _, test := range tests.Tests {
			t.Run(kind+"/"+test.InputPath, func(t *testing.T) {
				status, err := lua.VM{}.ExecuteHealthLua(object(t, kind, test.InputPath), script)
				if err != nil {
					t.Fatal(err)
				}
				if *status != test.HealthStatus {
					t.Errorf("expected %+v, got %+v", test.HealthStatus, *status)
				}
			})
		}
	}
}
