package ui

import (
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// Table lays out rows in columns that line up in a terminal, also where
// characters are two cells wide. Cells are cleaned, and cut at 300 bytes.
type Table struct {
	// Right names the columns, from 0, that hold numbers.
	Right []int
	rows  [][]string
}

// Row adds one row. The first one is usually the header.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = clean(c, maxCell)
	}
	t.rows = append(t.rows, row)
}

// Print writes the table, every line behind indent.
func (t *Table) Print(w io.Writer, indent string) {
	widths := t.widths()
	for _, row := range t.rows {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			pad := strings.Repeat(" ", widths[i]-Width(cell))
			if t.right(i) {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		fmt.Fprintf(w, "%s%s\n", indent, strings.TrimRight(b.String(), " "))
	}
}

func (t *Table) widths() []int {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(cell))
		}
	}
	return widths
}

func (t *Table) right(column int) bool {
	for _, c := range t.Right {
		if c == column {
			return true
		}
	}
	return false
}

// Width is the number of terminal cells that text takes.
func Width(s string) int { return uniseg.StringWidth(s) }
