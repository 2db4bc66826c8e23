// What Argo CD's own code makes of our scripts, on every object that the operator writes.
//
// The scripts come from argocd-cm.yaml, as users install them, and are read by Argo CD's own settings.
package argocd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/settings"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

const (
	root           = "../../.."
	examples       = root + "/examples/gitops/argo-cd"
	customizations = examples + "/resource_customizations/twinconsent.io"
)

var kinds = []string{"DigitalTwinConsent", "HeyGenAccount", "ClusterHeyGenAccount"}

// overrides is what Argo CD makes of argocd-cm.yaml.
func overrides(t *testing.T) map[string]v1alpha1.ResourceOverride {
	t.Helper()
	var config corev1.ConfigMap
	strictly(t, examples+"/argocd-cm.yaml", &config)
	// The users' own one has the label, by which Argo CD finds it.
	config.Labels = map[string]string{"app.kubernetes.io/part-of": "argocd"}
	manager := settings.NewSettingsManager(t.Context(), fake.NewClientset(&config), config.Namespace)
	overrides, err := manager.GetResourceOverrides()
	if err != nil {
		t.Fatal(err)
	}
	return overrides
}

// row is a line of rows.json.
type row struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	ArgoCD string `json:"argoCD"`
}

func rows(t *testing.T) []row {
	t.Helper()
	var rows []row
	if err := json.Unmarshal(read(t, root+"/tests/gitops/rows.json"), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) == 0 {
		t.Fatal("there are no rows")
	}
	return rows
}

// object reads an object, with a path in the folder of its kind.
func object(t *testing.T, kind, path string) *unstructured.Unstructured {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(read(t, filepath.Join(customizations, kind, path)))
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(asJSON); err != nil {
		t.Fatal(err)
	}
	if object.GetKind() != kind {
		t.Fatalf("%s: a %s lies in the folder of %s", path, object.GetKind(), kind)
	}
	return object
}

// strictly reads YAML into a type that must know every field of it.
func strictly(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(read(t, path), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
