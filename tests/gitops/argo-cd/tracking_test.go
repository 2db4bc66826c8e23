package argocd

import (
	"os"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/util/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// The chart's objects in an Application that is not called as the release: Argo CD's own code labels them, by either of the labels that
// it has had for that, and each selector still selects the pods. tests/chart/tracked.rs has the objects that deploy/ does not have.
func TestAnApplicationThatIsNotCalledAsTheReleaseBreaksNoSelector(t *testing.T) {
	for _, key := range []string{common.LabelKeyAppInstance, common.LabelKeyLegacyApplicationName} {
		objects := tracked(t, key)
		pods := find(t, objects, "Deployment")
		template, _, err := unstructured.NestedStringMap(pods.Object, "spec", "template", "metadata", "labels")
		if err != nil || pods.GetLabels()[key] != "an-application" {
			t.Fatalf("%s: Argo CD did not label the Deployment: %v %v", key, pods.GetLabels(), err)
		}
		for kind, path := range map[string][]string{
			"Deployment":          {"spec", "selector", "matchLabels"},
			"PodDisruptionBudget": {"spec", "selector", "matchLabels"},
			"Service":             {"spec", "selector"},
		} {
			selector, found, err := unstructured.NestedStringMap(find(t, objects, kind).Object, path...)
			if err != nil || !found || !labels.SelectorFromSet(selector).Matches(labels.Set(template)) {
				t.Errorf("%s: %s: %v does not select %v (%v)", key, kind, selector, template, err)
			}
		}
		// As a ServiceMonitor does it, with the labels of the Service itself.
		service := find(t, objects, "Service")
		selector, _, _ := unstructured.NestedStringMap(service.Object, "spec", "selector")
		if !labels.SelectorFromSet(selector).Matches(labels.Set(service.GetLabels())) {
			t.Errorf("%s: %v does not select a Service with %v", key, selector, service.GetLabels())
		}
	}
}

// tracked reads deploy/install.yaml as Argo CD would apply it.
func tracked(t *testing.T, key string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile("../../../deploy/install.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for _, part := range strings.Split(string(text), "\n---\n") {
		asJSON, err := yaml.YAMLToJSON([]byte(part))
		if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(asJSON); err != nil {
			continue // the comment at its head
		}
		if err := kube.SetAppInstanceLabel(object, key, "an-application"); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}

func find(t *testing.T, objects []*unstructured.Unstructured, kind string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() == kind {
			return object
		}
	}
	t.Fatalf("there is no %s", kind)
	return nil
}
