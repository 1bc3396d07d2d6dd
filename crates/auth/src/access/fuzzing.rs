//! Access for the fuzz targets: what the files of rules say about a client.

use std::net::IpAddr;
use std::path::Path;

use config::Faults;

use super::rules::{AccessRules, TrustedNetworks};
use crate::host::HostName;

/// What a file of `hosts_allow_deny` says about a client: whether it is let in and which lines warn; or the
/// lines with errors.
pub fn judged(text: &[u8], client: IpAddr, name: Option<&str>) -> Result<(bool, Vec<usize>), Vec<usize>> {
    let rules = AccessRules::parse(Path::new("rules"), text).map_err(|faults| lines(&faults))?;
    let name = name.and_then(HostName::parse);
    match rules.judge(client, || Ok::<_, Vec<usize>>(name.as_ref())) {
        Ok(decision) => Ok((decision.allowed, decision.warned_by)),
        Err(lines) => Err(lines),
    }
}

/// Whether a file of `trusted_networks` contains a client; or the lines with errors.
pub fn trusted(text: &[u8], client: IpAddr) -> Result<bool, Vec<usize>> {
    let networks = TrustedNetworks::parse(Path::new("networks"), text).map_err(|faults| lines(&faults))?;
    Ok(networks.contain(client))
}

fn lines(faults: &Faults) -> Vec<usize> {
    faults.iter().filter_map(|fault| fault.line).collect()
}
