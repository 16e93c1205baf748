//! IP addresses and networks as the `ipaddr` filters see them: an address with the prefix that it was written with.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The address and the prefix.
    pub net: IpNet,
    /// Whether the prefix was written.
    pub has_prefix: bool,
}

impl Interface {
    /// `10.0.0.1`, `10.0.0.1/24`, `10.0.0.1/255.255.255.0`, `::1`, or a whole number.
    pub fn parse(text: &str) -> Option<Interface> {
        let text = text.trim();
        if let Some((address, prefix)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let length = match prefix.parse::<u8>() {
                Ok(length) => length,
                Err(_) => mask_length(prefix.parse().ok()?)?,
            };
            return Some(Interface { net: IpNet::new(address, length).ok()?, has_prefix: true });
        }
        let address: IpAddr = match text.parse() {
            Ok(address) => address,
            Err(_) => of_number(text.parse().ok()?, None)?,
        };
        Some(Interface { net: IpNet::from(address), has_prefix: false })
    }

    /// The address alone.
    pub fn address(&self) -> IpAddr {
        self.net.addr()
    }

    /// The address as a number.
    pub fn number(&self) -> u128 {
        number(self.address())
    }

    /// Whether it is IPv6.
    pub fn is_v6(&self) -> bool {
        matches!(self.net, IpNet::V6(_))
    }

    /// First address of the network, as a number.
    pub fn first(&self) -> u128 {
        number(self.net.network())
    }

    /// Last address of the network, as a number.
    pub fn last(&self) -> u128 {
        number(self.net.broadcast())
    }

    /// How many addresses the network has; the whole of IPv6 is counted one short.
    pub fn size(&self) -> u128 {
        (self.last() - self.first()).saturating_add(1)
    }

    /// Whether it is a network: written with a prefix, and its address is the network's.
    pub fn is_network(&self) -> bool {
        self.has_prefix && self.net.prefix_len() < self.net.max_prefix_len() && self.address() == self.net.network()
    }

    /// First and last address that hosts may have: not the network's and the broadcast address, where it has these.
    pub fn usable(&self) -> (u128, u128) {
        let (first, last) = (self.first(), self.last());
        match self.net.max_prefix_len() - self.net.prefix_len() {
            0 | 1 => (first, last),
            _ if self.is_v6() => (first + 1, last),
            _ => (first + 1, last - 1),
        }
    }

    /// An address by its number, in the family of this one.
    pub fn sibling(&self, number: u128) -> Option<IpAddr> {
        of_number(number, Some(self.is_v6()))
    }

    /// Whether another network or address lies within this one.
    pub fn contains(&self, other: &Interface) -> bool {
        self.is_v6() == other.is_v6() && self.first() <= other.first() && other.last() <= self.last()
    }
}

/// An address as a number.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// A number as an address: of the family asked for, else of the smaller one that has it.
pub fn of_number(number: u128, v6: Option<bool>) -> Option<IpAddr> {
    match (u32::try_from(number), v6) {
        (_, Some(true)) | (Err(_), None) => Some(IpAddr::V6(Ipv6Addr::from(number))),
        (Ok(number), _) => Some(IpAddr::V4(Ipv4Addr::from(number))),
        (Err(_), Some(false)) => None,
    }
}

/// How many leading ones a mask has; nothing where it has ones after zeros.
fn mask_length(mask: IpAddr) -> Option<u8> {
    ipnet::ip_mask_to_prefix(mask).ok()
}

/// The networks of a longer prefix in a network.
pub fn subnets(net: IpNet, prefix: u8) -> Option<Vec<IpNet>> {
    // More would fill the memory.
    if prefix < net.prefix_len() || prefix > net.max_prefix_len() || prefix - net.prefix_len() > 20 {
        return None;
    }
    net.subnets(prefix).ok().map(Iterator::collect)
}

/// The network of a shorter prefix around an address.
pub fn supernet(net: IpNet, prefix: u8) -> Option<IpNet> {
    Some(match net {
        IpNet::V4(net) => IpNet::V4(Ipv4Net::new(net.addr(), prefix).ok()?.trunc()),
        IpNet::V6(net) => IpNet::V6(Ipv6Net::new(net.addr(), prefix).ok()?.trunc()),
    })
}

/// Private by RFC 1918 and RFC 4193, or otherwise not for the internet.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => {
            (address.segments()[0] & 0xfe00) == 0xfc00 || address.is_loopback() || is_link_local(IpAddr::V6(address))
        }
    }
}

/// `169.254.0.0/16`, `fe80::/10`.
pub fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => (address.segments()[0] & 0xffc0) == 0xfe80,
    }
}

/// The name for a reverse look-up.
pub fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(address) => {
            let digits: String = address.octets().iter().map(|byte| format!("{byte:02x}")).collect();
            let reversed: Vec<String> = digits.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa.", reversed.join("."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_the_prefix_that_they_were_written_with() {
        let Some(interface) = Interface::parse("192.168.1.5/255.255.255.0") else { panic!("it is an address") };
        assert_eq!((interface.net.prefix_len(), interface.size(), interface.is_network()), (24, 256, false));
        assert_eq!(
            interface.usable(),
            (number("192.168.1.1".parse().unwrap()), number("192.168.1.254".parse().unwrap()))
        );
        assert_eq!(Interface::parse("10.0.0.1/255.0.255.0"), None);
        assert_eq!(reverse_name("10.1.2.3".parse().unwrap()), "3.2.1.10.in-addr.arpa.");
    }
}
