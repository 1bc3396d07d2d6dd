//! Doors for the fuzz targets: what the files of rules say of a client.

use std::net::IpAddr;
use std::path::Path;

use config::Faults;

use super::rules::{Networks, Rules};
use crate::host::HostName;

/// What a file of `hosts_allow_deny` says of a client: whether it is let in, and which lines warn; or the lines at fault.
pub fn judged(text: &[u8], client: IpAddr, name: Option<&str>) -> Result<(bool, Vec<usize>), Vec<usize>> {
    let rules = Rules::parse(Path::new("rules"), text).map_err(|faults| lines(&faults))?;
    let name = name.and_then(HostName::parse);
    match rules.judge(client, || Ok::<_, Vec<usize>>(name.as_ref())) {
        Ok(verdict) => Ok((verdict.allowed, verdict.warned_by)),
        Err(lines) => Err(lines),
    }
}

/// Whether a file of `trusted_networks` has a client in it; or the lines at fault.
pub fn trusted(text: &[u8], client: IpAddr) -> Result<bool, Vec<usize>> {
    let networks = Networks::parse(Path::new("networks"), text).map_err(|faults| lines(&faults))?;
    Ok(networks.contain(client))
}

fn lines(faults: &Faults) -> Vec<usize> {
    faults.iter().filter_map(|fault| fault.line).collect()
}
