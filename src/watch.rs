//! The page of a report on this machine's own address, for as long as someone watches.
//!
//! One thread accepts, one more serves each connection; the page is a text that whoever makes it replaces. Only names of
//! this machine are answered, so that no page from elsewhere can read this one through a name of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longer requests are none that a browser makes for this page.
const LONGEST: u64 = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(5);

/// The page, and how often it has been replaced.
#[derive(Clone, Default)]
pub struct Shown(Arc<Mutex<(u64, String)>>);

impl Shown {
    pub fn put(&self, page: impl FnOnce(u64) -> String) {
        let version = self.get().0 + 1;
        let page = page(version);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (version, page);
    }

    fn get(&self) -> (u64, String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves what is shown; returns the address. A port of 0 takes any that is free.
pub fn serve(shown: &Shown, port: u16) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let address = listener.local_addr()?;
    let shown = shown.clone();
    std::thread::Builder::new().name("watch".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let shown = shown.clone();
            // A visitor who asks nothing keeps nobody else waiting.
            let _ = std::thread::Builder::new().spawn(move || {
                let _ = answer(stream, &shown);
            });
        }
    })?;
    Ok(address)
}

fn answer(mut stream: TcpStream, shown: &Shown) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.try_clone()?.take(LONGEST)).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    let mut host = String::new();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("host")
        {
            host = value.trim().to_string();
        }
    }
    let (status, kind, body) = response(&first, &host, shown);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    if !first.starts_with("HEAD ") {
        stream.write_all(body.as_bytes())?;
    }
    stream.flush()
}

/// Status, type and text for the first line of a request and the host that it names.
fn response(first: &str, host: &str, shown: &Shown) -> (&'static str, &'static str, String) {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !matches!(name, "localhost" | "127.0.0.1") {
        return ("403 Forbidden", "text/plain", "this page is served to this machine alone\n".into());
    }
    let mut words = first.split(' ');
    let (verb, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    if !matches!(verb, "GET" | "HEAD") {
        return ("405 Method Not Allowed", "text/plain", "there is nothing here but a page to read\n".into());
    }
    let (version, page) = shown.get();
    match path {
        "/" => ("200 OK", "text/html", page),
        "/version" => ("200 OK", "text/plain", version.to_string()),
        _ => ("404 Not Found", "text/plain", "the page is at /\n".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_page_is_served_to_this_machine_alone() {
        let shown = Shown::default();
        shown.put(|version| format!("<p>page {version}</p>"));
        let address = serve(&shown, 0).unwrap();
        assert!(address.ip().is_loopback());
        let page = ask(address, "GET / HTTP/1.1\r\nHost: localhost:1\r\n\r\n");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\r\n\r\n<p>page 1</p>"));
        shown.put(|_| "<p>two</p>".into());
        assert!(ask(address, "GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").ends_with("\r\n\r\n2"));
        assert!(ask(address, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n").starts_with("HTTP/1.1 403"));
        assert!(ask(address, "GET /../x HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 404"));
        assert!(ask(address, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 405"));
        assert!(ask(address, "\r\n\r\n").starts_with("HTTP/1.1 403"));
    }
}
