//! A real nginx, which passes connections through unchanged and announces the client's address.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;

use super::program::Program;
use super::{HEADERS, behind_proxy, connection, login};
use crate::harness::{Pop3Client, Port, eventually, need};

const MODULE: &str = "usr/lib/nginx/modules/ngx_stream_module.so";

#[test]
fn nginx_tells_whose_connection_it_passes_on() {
    let Some(program) = need::program("nginx") else { return };
    let Some(module) = need::peer("libnginx-mod-stream", MODULE) else { return };
    let (daemon, front) = (behind_proxy(HEADERS), Port::reserve());
    let (file, log) = (daemon.path("nginx.conf"), daemon.path("nginx.log"));
    let configuration = format!(
        "load_module {};\ndaemon off;\npid {};\nerror_log stderr;\nevents {{}}\nstream {{\n  server {{\n    \
         listen 127.0.0.1:{};\n    proxy_bind 127.0.0.2;\n    proxy_pass 127.0.0.1:{};\n    proxy_protocol \
         on;\n  }}\n}}\n",
        module.display(),
        daemon.path("nginx.pid").display(),
        front.number,
        daemon.port()
    );
    fs::write(&file, configuration).expect("a configuration");
    let nginx =
        Program::start(Command::new(program).arg("-p").arg(daemon.path("")).arg("-c").arg(file), &log);
    eventually("nginx", || Pop3Client::try_connect(front.number).ok());
    let client = Ipv4Addr::new(127, 0, 0, 9);
    let mut pop = Pop3Client::over(connection(client, front.number)).expect("a greeting");
    login(&mut pop);
    pop.quit();
    daemon.logged(&["login ok", &format!("ip={client} ")]);
    drop(nginx);
}
