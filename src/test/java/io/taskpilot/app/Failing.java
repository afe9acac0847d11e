package io.taskpilot.app;

/** How something that a server needs fails. */
enum Failing {
    /** {@code kill -9}: connections are reset, and new ones refused. */
    KILLED {
        @Override
        void begin(Dependency dependency) throws Exception {
            dependency.process().kill();
            dependency.wire().goesDown();
        }

        @Override
        void end(Dependency dependency) throws Exception {
            dependency.process().startAgain();
            dependency.wire().comesUp();
        }
    },
    /** SIGSTOP: connections are accepted, and nothing ever answers. */
    HUNG {
        @Override
        void begin(Dependency dependency) throws Exception {
            dependency.process().hang();
        }

        @Override
        void end(Dependency dependency) throws Exception {
            dependency.process().goOn();
        }
    },
    /** Something else answers in its place: a web server, with a page and a 200. */
    GARBAGE {
        @Override
        void begin(Dependency dependency) {
            dependency.wire().says(PAGE);
        }

        @Override
        void end(Dependency dependency) {
            dependency.wire().passes();
        }
    },
    /** Every answer comes, and comes too late. */
    TOO_SLOW {
        @Override
        void begin(Dependency dependency) {
            dependency.wire().delays(dependency.tooLate());
        }

        @Override
        void end(Dependency dependency) {
            dependency.wire().passes();
        }
    };

    private static final String HTML = "<!DOCTYPE html><html><body><h1>It works!</h1></body></html>\n";
    static final String PAGE =
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                    .formatted(HTML.length(), HTML);

    abstract void begin(Dependency dependency) throws Exception;

    abstract void end(Dependency dependency) throws Exception;
}
