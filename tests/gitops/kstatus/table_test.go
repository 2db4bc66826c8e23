// What the readers of conditions make of every object that the operator writes.
//
// The objects and the expected words lie in the repository: see tests/conditions/fixtures.rs.
package kstatus

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	fluxstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	sigsstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

const (
	root    = "../../.."
	objects = root + "/examples/gitops/argo-cd/resource_customizations/twinconsent.io"
)

// row is a line of rows.json.
type row struct {
	Kind    string  `json:"kind"`
	Name    string  `json:"name"`
	Kstatus string  `json:"kstatus"`
	Invited *string `json:"invited"`
}

func rows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile(root + "/tests/gitops/rows.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		t.Fatal("there are no rows")
	}
	return rows
}

// object reads a recorded object. Through JSON into the Unstructured itself: in a plain map whole numbers would become
// floating-point ones, on which kstatus fails.
func (r row) object(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(objects, r.Kind, "testdata", r.Name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(asJSON); err != nil {
		t.Fatal(err)
	}
	if object.GetKind() != r.Kind {
		t.Fatalf("a %s lies in the folder of %s", object.GetKind(), r.Kind)
	}
	return object
}

func TestBothLibrariesOfKstatusSayWhatTheTableSays(t *testing.T) {
	for _, row := range rows(t) {
		t.Run(row.Kind+"/"+row.Name, func(t *testing.T) {
			object := row.object(t)
			sigs, err := sigsstatus.Compute(object)
			if err != nil {
				t.Fatal(err)
			}
			flux, err := fluxstatus.Compute(object)
			if err != nil {
				t.Fatal(err)
			}
			if sigs.Status.String() != row.Kstatus || flux.Status.String() != row.Kstatus {
				t.Errorf("expected %s; sigs.k8s.io/cli-utils says %s (%s), fluxcd/cli-utils says %s (%s)",
					row.Kstatus, sigs.Status, sigs.Message, flux.Status, flux.Message)
			}
		})
	}
}

// kustomization is what we need of Flux's kind.
type kustomization struct {
	Kind string `json:"kind"`
	Spec struct {
		HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
	} `json:"spec"`
}

func TestTheExpressionsOfTheExampleSayWhoWasInvited(t *testing.T) {
	text, err := os.ReadFile(root + "/examples/gitops/flux/invitations.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var example kustomization
	if err := yaml.Unmarshal(text, &example); err != nil {
		t.Fatal(err)
	}
	checks := example.Spec.HealthCheckExprs
	at := slices.IndexFunc(checks, func(check kustomize.CustomHealthCheck) bool { return check.Kind == "DigitalTwinConsent" })
	if at < 0 || checks[at].APIVersion != "twinconsent.io/v1alpha1" {
		t.Fatalf("the example has no expressions for consents: %+v", checks)
	}
	evaluator, err := cel.NewStatusEvaluator(&checks[at].HealthCheckExpressions)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, row := range rows(t) {
		if row.Invited == nil {
			continue
		}
		asked++
		t.Run(row.Name, func(t *testing.T) {
			result, err := evaluator.Evaluate(t.Context(), row.object(t))
			if err != nil {
				t.Fatal(err)
			}
			if result.Status.String() != *row.Invited {
				t.Errorf("expected %s, Flux says %s (%s)", *row.Invited, result.Status, result.Message)
			}
		})
	}
	if asked == 0 {
		t.Fatal("no row concerns the expressions")
	}
}

// An object without the default that the definition gives it would count as done before the operator has seen it.
func TestOnlyTheDefaultOfTheStatusKeepsAnUnseenConsentFromCountingAsDone(t *testing.T) {
	object := row{Kind: "DigitalTwinConsent", Name: "not-seen"}.object(t)
	unstructured.RemoveNestedField(object.Object, "status")
	result, err := sigsstatus.Compute(object)
	if err != nil {
		t.Fatal(err)
	}
	if result.Status != sigsstatus.CurrentStatus {
		t.Errorf("kstatus says %s now: the default {observedGeneration: -1} may no longer be needed", result.Status)
	}
}
