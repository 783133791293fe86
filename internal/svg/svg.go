// Package svg draws lines, texts and bars into pictures that browsers show. All
// measures are in the picture's own units, from its upper left corner.
package svg

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// The colours of charts.
const (
	Ink   = "#1b2733" // titles
	Faint = "#5b6875" // what explains
	Grid  = "#e4e8ec"
)

// Drawing is a picture under way. The zero value is of no use: see New.
type Drawing struct{ text strings.Builder }

// New returns a white picture of that size.
func New(width, height int) *Drawing {
	d := new(Drawing)
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="Helvetica,Arial,sans-serif">`+"\n", width, height, width, height)
	d.Rect(0, 0, float64(width), float64(height), "#ffffff", 1, "")
	return d
}

// String returns the finished picture.
func (d *Drawing) String() string { return d.text.String() + "</svg>\n" }

func (d *Drawing) printf(format string, args ...any) { fmt.Fprintf(&d.text, format, args...) }

// Text writes a line. Anchor is start, middle or end; y is the text's base line.
func (d *Drawing) Text(x, y float64, size int, anchor, color, text string) {
	d.printf(`<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, size, anchor, color, escape(text))
}

// Line draws a thin line.
func (d *Drawing) Line(x1, y1, x2, y2 float64, color string) {
	d.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, color)
}

// Rect fills a rectangle. What it stands for is shown to who points at it.
func (d *Drawing) Rect(x, y, width, height float64, color string, opacity float64, standsFor string) {
	d.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" opacity="%.2f"><title>%s</title></rect>`+"\n", x, y, width, height, color, opacity, escape(standsFor))
}

// Point is a place in a picture.
type Point struct{ X, Y float64 }

// Curve joins points by straight lines.
func (d *Drawing) Curve(points []Point, color string) {
	if len(points) == 0 {
		return
	}
	d.printf(`<polyline fill="none" stroke="%s" stroke-width="2" points="`, color)
	for _, p := range points {
		d.printf("%.1f,%.1f ", p.X, p.Y)
	}
	d.printf(`"/>` + "\n")
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes all
	return b.String()
}
