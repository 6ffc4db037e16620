package officialclient

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cvarchive/remote/simulator"

	"github.com/Azure/azure-sdk-for-go/services/cognitiveservices/v3.3/customvision/training"
	"github.com/Azure/azure-sdk-for-go/services/cognitiveservices/v3.3/customvision/training/trainingapi"
)

// TestOperations holds the simulator's operations against those that
// Microsoft generated from the specification.
func TestOperations(t *testing.T) {
	var want []string
	for method := range reflect.TypeFor[trainingapi.BaseClientAPI]().Methods() {
		want = append(want, strings.ToLower(method.Name))
	}
	var got []string
	for _, id := range simulator.Operations() {
		got = append(got, strings.ToLower(id))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("operations are\n%v, want\n%v", got, want)
	}
}

// TestFields reads raw answers strictly: v3.3 must not have a field that the
// generated types do not know.
func TestFields(t *testing.T) {
	s := start(t, simulator.Options{})
	s.project("p", compact, training.Multiclass)
	ids := s.upload(0, 5, map[string]*string{"k": ptr("v")}, s.tag("a", training.Regular))
	s.upload(5, 5, nil, s.tag("b", training.Regular))
	it := must(s.c.TrainProject(s.ctx, s.id, "", nil, nil, "", nil))(t)
	s.sim.Service.Advance(time.Minute)
	must(s.c.ExportIteration(s.ctx, s.id, *it.ID, "ONNX", ""))(t)
	project := "/projects/" + s.id.String()
	iteration := project + "/iterations/" + it.ID.String()
	for path, into := range map[string]any{
		"/domains":          &[]training.Domain{},
		"/projects":         &[]training.Project{},
		project:             &training.Project{},
		project + "/export": &training.ProjectExport{},
		project + "/tags":   &[]training.Tag{},
		project + "/images": &[]training.Image{},
		project + "/images/id?imageIds=" + ids[0].String(): &[]training.Image{},
		project + "/iterations":                            &[]training.Iteration{},
		iteration + "/export":                              &[]training.Export{},
		iteration + "/performance":                         &training.IterationPerformance{},
		iteration + "/performance/images":                  &[]training.ImagePerformance{},
	} {
		req, err := http.NewRequestWithContext(s.ctx, "GET", s.sim.Endpoint("westeurope")+"/customvision/v3.3/training"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Training-Key", s.sim.Key("westeurope"))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		d := json.NewDecoder(resp.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if v := reflect.ValueOf(into).Elem(); v.Kind() == reflect.Slice && v.Len() == 0 {
			t.Errorf("%s: an empty list shows nothing", path)
		}
	}
}
