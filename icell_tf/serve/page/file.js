// Where the page was opened as a file, browsers refuse modules, and app.js never runs. This script, which is none, says so.

if (location.protocol === "file:") {
    document.getElementById("loading").hidden = true;
    const problem = document.getElementById("problem");
    problem.hidden = false;
    problem.textContent = "This page does not run from a file on the disk: it needs a web server. In the page's folder, run "
        + "python -m http.server --bind=127.0.0.1, then open http://127.0.0.1:8000.";
}
