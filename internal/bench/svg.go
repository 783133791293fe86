package bench

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// SVG draws the result as a picture for browsers.
func (r *Result) SVG(title string) string {
	s := &svg{}
	s.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="Helvetica,Arial,sans-serif">`+"\n", plotWidth, plotHeight, plotWidth, plotHeight)
	r.draw(s, title)
	s.printf("</svg>\n")
	return s.String()
}

// svg is a canvas of text that grows.
type svg struct{ strings.Builder }

func (s *svg) printf(format string, args ...any) { fmt.Fprintf(s, format, args...) }

func (s *svg) rect(x, y, width, height float64, color string, opacity float64, standsFor string) {
	s.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" opacity="%.2f"><title>%s</title></rect>`+"\n", x, y, width, height, color, opacity, escape(standsFor))
}

func (s *svg) line(x1, y1, x2, y2 float64, color string) {
	s.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, color)
}

func (s *svg) curve(spots []spot, color string) {
	if len(spots) == 0 {
		return
	}
	s.printf(`<polyline fill="none" stroke="%s" stroke-width="2" points="`, color)
	for _, p := range spots {
		s.printf("%.1f,%.1f ", p.x, p.y)
	}
	s.printf(`"/>` + "\n")
}

func (s *svg) text(x, y float64, size int, anchor anchor, color, text string) {
	s.printf(`<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, size, anchor, color, escape(text))
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes all
	return b.String()
}
