package backup

import "cvarchive/manifest"

// Size is what decides how many calls the capture of one project takes.
type Size struct {
	Images     int  // of the workspace
	MayExport  bool // ExportProject is allowed and answers
	Iterations []IterationSize
}

// IterationSize is one trained iteration.
type IterationSize struct {
	Images     int
	Exportable bool // has model exports to list, and they are asked for
}

// MinCalls is the number of Training API calls that the capture of an
// account of these projects needs at least, and that [Run] makes when nothing
// moves meanwhile. See the package documentation for the formula.
func MinCalls(projects ...Size) int {
	calls := 2 // GetDomains, GetProjects
	for _, p := range projects {
		calls += 3 // GetTags, GetIterations, ExportProject
		if !p.MayExport {
			calls++ // GetImageCount says what the export would have
		}
		pages := ceilDiv(p.Images, manifest.MaxPage)
		calls += pages
		if pages > 1 {
			calls++ // GetProject says whether it changed meanwhile
		}
		for _, it := range p.Iterations {
			calls++                                               // GetIterationPerformance
			calls += max(0, it.Images-1)/(manifest.MaxPage-1) + 1 // by pages that overlap by one
			if it.Exportable {
				calls++ // GetExports
			}
		}
	}
	return calls
}

func ceilDiv(n, d int) int { return (n + d - 1) / d }
