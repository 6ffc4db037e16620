package officialclient

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"cvarchive/remote/simulator"

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
