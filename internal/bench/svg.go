package bench

import "github.com/ringkv/ringkv/internal/svg"

// SVG draws the result as a picture for browsers.
func (r *Result) SVG(title string) string {
	s := drawing{svg.New(plotWidth, plotHeight)}
	r.draw(s, title)
	return s.String()
}

// drawing is a canvas for browsers.
type drawing struct{ *svg.Drawing }

func (d drawing) rect(x, y, width, height float64, color string, opacity float64, standsFor string) {
	d.Rect(x, y, width, height, color, opacity, standsFor)
}

func (d drawing) line(x1, y1, x2, y2 float64, color string) { d.Line(x1, y1, x2, y2, color) }

func (d drawing) curve(spots []spot, color string) {
	points := make([]svg.Point, len(spots))
	for i, s := range spots {
		points[i] = svg.Point{X: s.x, Y: s.y}
	}
	d.Curve(points, color)
}

func (d drawing) text(x, y float64, size int, anchor anchor, color, text string) {
	d.Text(x, y, size, string(anchor), color, text)
}
